-- Verify convo_tenancy:expand/backfill on pg

BEGIN;

SELECT 1 / count(*) FROM tenancy.backfill_progress;

SELECT
    'tenancy.backfill_lock_key()'::regprocedure,
    'tenancy.pause_backfill()'::regprocedure,
    'tenancy.resume_backfill()'::regprocedure,
    'tenancy.backfill_hold()'::regprocedure,
    'tenancy.prepare_backfill()'::regprocedure,
    'tenancy.backfill_step(integer)'::regprocedure,
    'tenancy.backfill_estimate()'::regprocedure,
    'tenancy.run_backfill(integer)'::regprocedure;

ROLLBACK;
