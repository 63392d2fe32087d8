-- Verify convo_tenancy:api/get_or_create_customer on pg

\set ON_ERROR_STOP on
\set change api/get_or_create_customer
\ir ../support/begin.sql

ROLLBACK;
