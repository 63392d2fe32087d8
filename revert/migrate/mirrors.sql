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

DROP TRIGGER IF EXISTS confirm_booking ON public.bookings;
DROP TRIGGER IF EXISTS confirm_new_booking ON public.bookings;
DROP TRIGGER IF EXISTS catch_up_booking ON public.bookings;
DROP TRIGGER IF EXISTS catch_up_new_booking ON public.bookings;
DROP TRIGGER IF EXISTS mirror_customer_to_profiles ON public.customers;
DROP TRIGGER IF EXISTS mirror_new_customer_to_profiles ON public.customers;
DROP TRIGGER IF EXISTS refuse_truncate ON public.customers;
DROP TRIGGER IF EXISTS mirror_statistics_to_profiles ON public.customer_booking_stats;
DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_booking_stats;
DROP TRIGGER IF EXISTS mirror_profile_to_legacy ON public.customer_shop_profiles;
DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_shop_profiles;
DROP TRIGGER IF EXISTS mirror_stylist_preference_to_profile ON public.customer_stylist_preferences;
DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_stylist_preferences;
DROP FUNCTION IF EXISTS tenancy.refuse_truncate();

COMMIT;
