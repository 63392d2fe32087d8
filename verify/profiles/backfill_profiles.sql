-- Verify convo_tenancy:profiles/backfill_profiles on pg

\set ON_ERROR_STOP on
\set change profiles/backfill_profiles
\ir ../support/begin.sql

SELECT 1 / count(*)
FROM tenancy.backfill_progress AS b
WHERE b.finished_at IS NOT NULL;

ROLLBACK;
