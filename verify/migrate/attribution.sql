-- Verify convo_tenancy:migrate/attribution on pg

BEGIN;

SELECT
    'tenancy.current_shop()'::regprocedure,
    'tenancy.shop_of_last_booking(integer, timestamptz)'::regprocedure,
    'tenancy.attributed_shop(integer, timestamptz, timestamptz)'::regprocedure;

ROLLBACK;
