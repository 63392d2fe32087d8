-- Verify convo_tenancy:api/customer_identity on pg

\set ON_ERROR_STOP on
\set change api/customer_identity
\ir ../support/begin.sql

ROLLBACK;
