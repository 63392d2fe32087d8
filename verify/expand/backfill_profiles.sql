-- Verify convo_tenancy:expand/backfill_profiles on pg

BEGIN;

SELECT 1 / count(*)
FROM tenancy.backfill_progress AS b
WHERE b.finished_at IS NOT NULL;

ROLLBACK;
