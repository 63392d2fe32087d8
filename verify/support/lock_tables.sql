-- Verify convo_tenancy:support/lock_tables on pg

\set ON_ERROR_STOP on
\set change support/lock_tables
\ir ../support/begin.sql

ROLLBACK;
