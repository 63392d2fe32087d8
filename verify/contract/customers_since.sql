-- Verify convo_tenancy:contract/customers_since on pg

\set ON_ERROR_STOP on
\set change contract/customers_since
\ir ../support/begin.sql

ROLLBACK;
