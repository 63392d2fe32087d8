-- Revert convo_tenancy:migrate/mirrors from pg

-- All at one moment, too: until then every write is on both sides.

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

CALL tenancy.lock_tables(
    'ACCESS EXCLUSIVE',
    'public.bookings',
    'public.customers',
    'public.customer_booking_stats',
    'public.customer_shop_profiles',
    'public.customer_stylist_preferences'
);

DO $$
BEGIN
    CALL tenancy.detach_mirrors();
EXCEPTION
    WHEN undefined_function THEN
        NULL; -- the script runs again
END;
$$;

DROP PROCEDURE IF EXISTS tenancy.detach_mirrors();
DROP PROCEDURE IF EXISTS tenancy.attach_mirrors();
DROP FUNCTION IF EXISTS tenancy.refuse_truncate();

COMMIT;
