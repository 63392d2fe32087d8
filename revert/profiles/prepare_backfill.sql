-- Revert convo_tenancy:profiles/prepare_backfill from pg

\set ON_ERROR_STOP on
\set change profiles/prepare_backfill
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.prepare_backfill();

COMMIT;
