-- Verify convo_tenancy:migrate/shop_access on pg

BEGIN;

SELECT
    'tenancy.shop_in_context()'::regprocedure,
    'tenancy.is_restricted()'::regprocedure,
    'tenancy.check_access(integer, integer)'::regprocedure;

ROLLBACK;
