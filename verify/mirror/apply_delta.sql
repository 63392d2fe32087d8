-- Verify convo_tenancy:mirror/apply_delta on pg

\set ON_ERROR_STOP on
\set change mirror/apply_delta
\ir ../support/begin.sql

ROLLBACK;
