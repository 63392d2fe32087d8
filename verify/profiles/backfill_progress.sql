-- Verify convo_tenancy:profiles/backfill_progress on pg

\set ON_ERROR_STOP on
\set change profiles/backfill_progress
\ir ../support/begin.sql

SELECT 1 / count(*) FROM tenancy.backfill_progress;

ROLLBACK;
