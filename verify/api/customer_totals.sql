-- Verify convo_tenancy:api/customer_totals on pg

\set ON_ERROR_STOP on
\set change api/customer_totals
\ir ../support/begin.sql

ROLLBACK;
