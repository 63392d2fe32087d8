-- Revert convo_tenancy:profiles/backfill_progress from pg

\set ON_ERROR_STOP on
\set change profiles/backfill_progress
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.backfill_hold();
DROP FUNCTION IF EXISTS tenancy.resume_backfill();
DROP FUNCTION IF EXISTS tenancy.pause_backfill();
DROP FUNCTION IF EXISTS tenancy.release_backfill();
DROP FUNCTION IF EXISTS tenancy.claim_backfill();
DROP FUNCTION IF EXISTS tenancy.backfill_runner();
DROP TABLE IF EXISTS tenancy.backfill_progress;

COMMIT;
