-- Verify convo_tenancy:support/archive_schema on pg

\set ON_ERROR_STOP on
\set change support/archive_schema
\ir ../support/begin.sql

ROLLBACK;
