-- Verify convo_tenancy:support/parts on pg

\set ON_ERROR_STOP on
\set change support/parts
\ir ../support/begin.sql

ROLLBACK;
