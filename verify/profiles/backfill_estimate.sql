-- Verify convo_tenancy:profiles/backfill_estimate on pg

\set ON_ERROR_STOP on
\set change profiles/backfill_estimate
\ir ../support/begin.sql

ROLLBACK;
