-- Verify convo_tenancy:profiles/prepare_backfill on pg

\set ON_ERROR_STOP on
\set change profiles/prepare_backfill
\ir ../support/begin.sql

ROLLBACK;
