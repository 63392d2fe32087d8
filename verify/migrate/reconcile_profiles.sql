-- Verify convo_tenancy:migrate/reconcile_profiles on pg

BEGIN;

-- They go when the reconcile is over.
SELECT 1 / (count(*) = 0)::integer
FROM pg_catalog.pg_trigger AS t
WHERE t.tgname IN ('catch_up_booking', 'catch_up_new_booking');

ROLLBACK;
