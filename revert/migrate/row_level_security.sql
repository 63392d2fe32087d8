-- Revert convo_tenancy:migrate/row_level_security from pg

-- A transaction for each table, as in the deploy: the rights are gone already.

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.stylists');

ALTER TABLE public.stylists DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.stylists;
DROP POLICY IF EXISTS as_before ON public.stylists;

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.services');

ALTER TABLE public.services DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.services;
DROP POLICY IF EXISTS as_before ON public.services;

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.bookings');

ALTER TABLE public.bookings DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.bookings;
DROP POLICY IF EXISTS as_before ON public.bookings;

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_shop_profiles');

ALTER TABLE public.customer_shop_profiles DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.customer_shop_profiles;
DROP POLICY IF EXISTS as_before ON public.customer_shop_profiles;

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');

ALTER TABLE public.customers DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.customers;
DROP POLICY IF EXISTS as_before ON public.customers;

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_stylist_preferences');

ALTER TABLE public.customer_stylist_preferences DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.customer_stylist_preferences;
DROP POLICY IF EXISTS as_before ON public.customer_stylist_preferences;

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_service_preferences');

ALTER TABLE public.customer_service_preferences DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_shop ON public.customer_service_preferences;
DROP POLICY IF EXISTS as_before ON public.customer_service_preferences;

COMMIT;
