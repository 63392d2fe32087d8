-- Verify convo_tenancy:api/checks on pg

\set ON_ERROR_STOP on
\set change api/checks
\ir ../support/begin.sql

ROLLBACK;
