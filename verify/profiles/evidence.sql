-- Verify convo_tenancy:profiles/evidence on pg

\set ON_ERROR_STOP on
\set change profiles/evidence
\ir ../support/begin.sql

ROLLBACK;
