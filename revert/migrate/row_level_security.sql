-- Revert convo_tenancy:migrate/row_level_security from pg

BEGIN;

CALL tenancy.begin_change();

SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

CALL tenancy.lock_tables(
    'ACCESS EXCLUSIVE',
    'public.stylists',
    'public.services',
    'public.bookings',
    'public.customers',
    'public.customer_shop_profiles',
    'public.customer_stylist_preferences',
    'public.customer_service_preferences'
);

ALTER TABLE public.stylists DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.stylists;
DROP POLICY IF EXISTS as_before ON public.stylists;

ALTER TABLE public.services DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.services;
DROP POLICY IF EXISTS as_before ON public.services;

ALTER TABLE public.bookings DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.bookings;
DROP POLICY IF EXISTS as_before ON public.bookings;

ALTER TABLE public.customers DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.customers;
DROP POLICY IF EXISTS as_before ON public.customers;

ALTER TABLE public.customer_shop_profiles DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.customer_shop_profiles;
DROP POLICY IF EXISTS as_before ON public.customer_shop_profiles;

ALTER TABLE public.customer_stylist_preferences DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.customer_stylist_preferences;
DROP POLICY IF EXISTS as_before ON public.customer_stylist_preferences;

ALTER TABLE public.customer_service_preferences DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.customer_service_preferences;
DROP POLICY IF EXISTS as_before ON public.customer_service_preferences;

COMMIT;
