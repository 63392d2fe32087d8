-- Verify convo_tenancy:api/customers_by_preferred_stylist on pg

\set ON_ERROR_STOP on
\set change api/customers_by_preferred_stylist
\ir ../support/begin.sql

ROLLBACK;
