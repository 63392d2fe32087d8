-- Verify convo_tenancy:support/definitions on pg

\set ON_ERROR_STOP on
\set change support/definitions
\ir ../support/begin.sql

ROLLBACK;
