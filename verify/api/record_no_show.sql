-- Verify convo_tenancy:api/record_no_show on pg

\set ON_ERROR_STOP on
\set change api/record_no_show
\ir ../support/begin.sql

ROLLBACK;
