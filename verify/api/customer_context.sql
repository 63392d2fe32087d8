-- Verify convo_tenancy:api/customer_context on pg

\set ON_ERROR_STOP on
\set change api/customer_context
\ir ../support/begin.sql

ROLLBACK;
