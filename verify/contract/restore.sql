-- Verify convo_tenancy:contract/restore on pg

\set ON_ERROR_STOP on
\set change contract/restore
\ir ../support/begin.sql

ROLLBACK;
