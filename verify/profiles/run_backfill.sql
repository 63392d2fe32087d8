-- Verify convo_tenancy:profiles/run_backfill on pg

\set ON_ERROR_STOP on
\set change profiles/run_backfill
\ir ../support/begin.sql

ROLLBACK;
