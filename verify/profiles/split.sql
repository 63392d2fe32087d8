-- Verify convo_tenancy:profiles/split on pg

\set ON_ERROR_STOP on
\set change profiles/split
\ir ../support/begin.sql

ROLLBACK;
