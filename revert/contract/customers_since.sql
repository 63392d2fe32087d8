-- Revert convo_tenancy:contract/customers_since from pg

\set ON_ERROR_STOP on
\set change contract/customers_since
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.customers_since(xid8);

COMMIT;
