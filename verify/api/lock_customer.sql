-- Verify convo_tenancy:api/lock_customer on pg

\set ON_ERROR_STOP on
\set change api/lock_customer
\ir ../support/begin.sql

ROLLBACK;
