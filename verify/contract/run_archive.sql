-- Verify convo_tenancy:contract/run_archive on pg

\set ON_ERROR_STOP on
\set change contract/run_archive
\ir ../support/begin.sql

ROLLBACK;
