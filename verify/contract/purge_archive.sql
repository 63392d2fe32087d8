-- Verify convo_tenancy:contract/purge_archive on pg

\set ON_ERROR_STOP on
\set change contract/purge_archive
\ir ../support/begin.sql

ROLLBACK;
