-- Verify convo_tenancy:migrate/confirm_booking on pg

BEGIN;

SELECT
    'tenancy.lock_customer_of_booking(varchar, varchar)'::regprocedure,
    'tenancy.confirm_booking()'::regprocedure;

ROLLBACK;
