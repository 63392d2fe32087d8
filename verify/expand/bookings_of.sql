-- Verify convo_tenancy:expand/bookings_of on pg

BEGIN;

SELECT
    'tenancy.bookings_of(integer)'::regprocedure,
    'tenancy.bookings_of(integer, varchar, varchar)'::regprocedure;

ROLLBACK;
