-- Verify convo_tenancy:mirror/reconcile_profiles on pg

\set ON_ERROR_STOP on
\set change mirror/reconcile_profiles
\ir ../support/begin.sql

-- They go when the reconcile is over.
SELECT 1 / (count(*) = 0)::integer
FROM pg_catalog.pg_trigger AS t
WHERE t.tgname IN ('catch_up_booking', 'catch_up_new_booking');

ROLLBACK;
