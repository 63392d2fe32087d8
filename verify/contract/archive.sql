-- Verify convo_tenancy:contract/archive on pg

BEGIN;

SELECT
    'tenancy.create_archive()'::regprocedure,
    'tenancy.archive_customers(integer[])'::regprocedure,
    'tenancy.customers_after(integer, integer)'::regprocedure,
    'tenancy.run_archive(integer)'::regprocedure,
    'tenancy.customers_since(xid8)'::regprocedure;

ROLLBACK;
