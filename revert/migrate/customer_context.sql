-- Revert convo_tenancy:migrate/customer_context from pg

BEGIN;

CALL tenancy.begin_change();

DROP VIEW IF EXISTS tenancy.customer_totals;
DROP FUNCTION IF EXISTS tenancy.customers_by_preferred_stylist(integer);
DROP FUNCTION IF EXISTS tenancy.customer_context(integer, integer);

COMMIT;
