-- Revert convo_tenancy:profiles/backfill_progress from pg

\set ON_ERROR_STOP on
\set change profiles/backfill_progress
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.backfill_hold();
DROP FUNCTION IF EXISTS tenancy.resume_backfill();
DROP FUNCTION IF EXISTS tenancy.pause_backfill();
DROP FUNCTION IF EXISTS tenancy.leave_backfill();
DROP FUNCTION IF EXISTS tenancy.join_backfill();
-- In the order in which the health check reads them, in one transaction: another one could be a deadlock.
DROP TABLE IF EXISTS tenancy.backfill_progress;
DROP TABLE IF EXISTS tenancy.backfill_ranges;
DROP VIEW IF EXISTS tenancy.backfill_sessions;
DROP TABLE IF EXISTS tenancy.backfill_workers;

COMMIT;
