-- Revert convo_tenancy:profiles/backfill_step from pg

\set ON_ERROR_STOP on
\set change profiles/backfill_step
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.backfill_step(integer);
DROP FUNCTION IF EXISTS tenancy.backfill_rest();

COMMIT;
