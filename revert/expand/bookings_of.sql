-- Revert convo_tenancy:expand/bookings_of from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.bookings_of(integer);
DROP FUNCTION IF EXISTS tenancy.bookings_of(integer, varchar, varchar);

COMMIT;
