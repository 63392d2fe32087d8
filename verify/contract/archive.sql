-- Verify convo_tenancy:contract/archive on pg

\set ON_ERROR_STOP on
\set change contract/archive
\ir ../support/begin.sql

ROLLBACK;
