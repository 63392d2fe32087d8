-- Verify convo_tenancy:api/customer_queue on pg

\set ON_ERROR_STOP on
\set change api/customer_queue
\ir ../support/begin.sql

ROLLBACK;
