-- Revert convo_tenancy:api/customers_by_preferred_stylist from pg

\set ON_ERROR_STOP on
\set change api/customers_by_preferred_stylist
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.customers_by_preferred_stylist(integer);

COMMIT;
