-- Revert convo_tenancy:mirror/mirrors from pg

\set ON_ERROR_STOP on
\set change mirror/mirrors
\ir ../support/begin.sql
\if :is_done \quit \endif

-- All at one moment, too: until then every write is on both sides.

SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

CALL tenancy.lock_tables(
    'ACCESS EXCLUSIVE',
    'public.bookings',
    'public.customers',
    'public.customer_booking_stats',
    'public.customer_shop_profiles',
    'public.customer_stylist_preferences'
);

CALL tenancy.detach_mirrors();

COMMIT;
