-- Revert convo_tenancy:expand/backfill from pg

BEGIN;

CALL tenancy.begin_change();

DROP PROCEDURE IF EXISTS tenancy.run_backfill(integer);
DROP FUNCTION IF EXISTS tenancy.backfill_estimate();
DROP FUNCTION IF EXISTS tenancy.backfill_step(integer);
DROP FUNCTION IF EXISTS tenancy.prepare_backfill();
DROP FUNCTION IF EXISTS tenancy.backfill_hold();
DROP FUNCTION IF EXISTS tenancy.resume_backfill();
DROP FUNCTION IF EXISTS tenancy.pause_backfill();
DROP FUNCTION IF EXISTS tenancy.backfill_lock_key();
DROP TABLE IF EXISTS tenancy.backfill_progress;

COMMIT;
