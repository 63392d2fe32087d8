-- Revert convo_tenancy:profiles/run_backfill from pg

\set ON_ERROR_STOP on
\set change profiles/run_backfill
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.run_backfill(integer);

COMMIT;
