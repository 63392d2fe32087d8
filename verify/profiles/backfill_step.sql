-- Verify convo_tenancy:profiles/backfill_step on pg

\set ON_ERROR_STOP on
\set change profiles/backfill_step
\ir ../support/begin.sql

ROLLBACK;
