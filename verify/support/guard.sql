-- Verify convo_tenancy:support/guard on pg

\set ON_ERROR_STOP on
\set change support/guard
\ir ../support/begin.sql

ROLLBACK;
