-- Verify convo_tenancy:migrate/customer_context on pg

BEGIN;

SELECT
    'tenancy.customer_context(integer, integer)'::regprocedure,
    'tenancy.customers_by_preferred_stylist(integer)'::regprocedure;

SELECT 'tenancy.customer_totals'::regclass;

ROLLBACK;
