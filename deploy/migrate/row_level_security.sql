-- Deploy convo_tenancy:migrate/row_level_security to pg

-- Two policies a table: a permissive one, by which everybody sees and writes what their rights let them, as before (but for COPY
-- FROM, which PostgreSQL refuses with row-level security); and a restrictive one, which binds members of convo_shop to the shop
-- context. The owner is exempt: never FORCE.
--
-- A transaction for each table: to wait for all of them at once, everybody would have to wait for longer. Nobody is bound before
-- migrate/rights, so there is no harm in between.

BEGIN;

CALL tenancy.begin_change();

DO $$
DECLARE
    secured text := (
        SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text)
        FROM pg_catalog.pg_class AS c
        WHERE c.relrowsecurity
            AND c.relnamespace = 'public'::regnamespace
            AND c.relname IN (
                'stylists', 'services', 'bookings', 'customers', 'customer_shop_profiles', 'customer_stylist_preferences',
                'customer_service_preferences'
            )
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'of_the_shop')
    );
BEGIN
    IF secured IS NOT NULL THEN
        RAISE EXCEPTION 'row-level security is on already: %. Ours would open what your policies close: see docs/isolation.md', secured
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.stylists');

DROP POLICY IF EXISTS as_before ON public.stylists;
DROP POLICY IF EXISTS of_the_shop ON public.stylists;
CREATE POLICY as_before ON public.stylists USING (TRUE) WITH CHECK (TRUE);
CREATE POLICY of_the_shop ON public.stylists
AS RESTRICTIVE
TO convo_shop
USING (shop_id = tenancy.shop_in_context());
ALTER TABLE public.stylists ENABLE ROW LEVEL SECURITY;

COMMENT ON POLICY as_before ON public.stylists IS
'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
COMMENT ON POLICY of_the_shop ON public.stylists IS
'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.services');

DROP POLICY IF EXISTS as_before ON public.services;
DROP POLICY IF EXISTS of_the_shop ON public.services;
CREATE POLICY as_before ON public.services USING (TRUE) WITH CHECK (TRUE);
CREATE POLICY of_the_shop ON public.services
AS RESTRICTIVE
TO convo_shop
USING (shop_id = tenancy.shop_in_context());
ALTER TABLE public.services ENABLE ROW LEVEL SECURITY;

COMMENT ON POLICY as_before ON public.services IS
'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
COMMENT ON POLICY of_the_shop ON public.services IS
'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.bookings');

DROP POLICY IF EXISTS as_before ON public.bookings;
DROP POLICY IF EXISTS of_the_shop ON public.bookings;
CREATE POLICY as_before ON public.bookings USING (TRUE) WITH CHECK (TRUE);
-- What a booking names must be of the shop, too: else its constraints would tell what other shops have.
CREATE POLICY of_the_shop ON public.bookings
AS RESTRICTIVE
TO convo_shop
USING (shop_id = tenancy.shop_in_context())
WITH CHECK (
    shop_id = tenancy.shop_in_context()
    AND EXISTS (SELECT FROM public.stylists AS s WHERE s.id = stylist_id AND s.shop_id = tenancy.shop_in_context())
    AND EXISTS (SELECT FROM public.services AS s WHERE s.id = service_id AND s.shop_id = tenancy.shop_in_context())
    AND (
        secondary_service_id IS NULL
        OR EXISTS (
            SELECT
            FROM public.services AS s
            WHERE s.id = secondary_service_id
                AND s.shop_id = tenancy.shop_in_context()
        )
    )
);
ALTER TABLE public.bookings ENABLE ROW LEVEL SECURITY;

COMMENT ON POLICY as_before ON public.bookings IS
'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
COMMENT ON POLICY of_the_shop ON public.bookings IS
'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_shop_profiles');

DROP POLICY IF EXISTS as_before ON public.customer_shop_profiles;
DROP POLICY IF EXISTS of_the_shop ON public.customer_shop_profiles;
CREATE POLICY as_before ON public.customer_shop_profiles USING (TRUE) WITH CHECK (TRUE);
CREATE POLICY of_the_shop ON public.customer_shop_profiles
AS RESTRICTIVE
TO convo_shop
USING (shop_id = tenancy.shop_in_context())
WITH CHECK (
    shop_id = tenancy.shop_in_context()
    AND (
        preferred_stylist_id IS NULL
        OR EXISTS (
            SELECT
            FROM public.stylists AS s
            WHERE s.id = preferred_stylist_id
                AND s.shop_id = tenancy.shop_in_context()
        )
    )
);
ALTER TABLE public.customer_shop_profiles ENABLE ROW LEVEL SECURITY;

COMMENT ON POLICY as_before ON public.customer_shop_profiles IS
'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
COMMENT ON POLICY of_the_shop ON public.customer_shop_profiles IS
'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');

DROP POLICY IF EXISTS as_before ON public.customers;
DROP POLICY IF EXISTS of_the_shop ON public.customers;
CREATE POLICY as_before ON public.customers USING (TRUE) WITH CHECK (TRUE);
CREATE POLICY of_the_shop ON public.customers
AS RESTRICTIVE
TO convo_shop
USING (
    EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = customers.id
            AND p.shop_id = tenancy.shop_in_context()
    )
);
ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY;

COMMENT ON POLICY as_before ON public.customers IS
'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
COMMENT ON POLICY of_the_shop ON public.customers IS
'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_stylist_preferences');

DROP POLICY IF EXISTS as_before ON public.customer_stylist_preferences;
DROP POLICY IF EXISTS of_the_shop ON public.customer_stylist_preferences;
CREATE POLICY as_before ON public.customer_stylist_preferences USING (TRUE) WITH CHECK (TRUE);
CREATE POLICY of_the_shop ON public.customer_stylist_preferences
AS RESTRICTIVE
TO convo_shop
USING (EXISTS (SELECT FROM public.stylists AS s WHERE s.id = stylist_id AND s.shop_id = tenancy.shop_in_context()))
WITH CHECK (
    EXISTS (SELECT FROM public.stylists AS s WHERE s.id = stylist_id AND s.shop_id = tenancy.shop_in_context())
    AND EXISTS (SELECT FROM public.customers AS c WHERE c.id = customer_id)
);
ALTER TABLE public.customer_stylist_preferences ENABLE ROW LEVEL SECURITY;

COMMENT ON POLICY as_before ON public.customer_stylist_preferences IS
'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
COMMENT ON POLICY of_the_shop ON public.customer_stylist_preferences IS
'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';

COMMIT;

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of policies that are not there
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_service_preferences');

DROP POLICY IF EXISTS as_before ON public.customer_service_preferences;
DROP POLICY IF EXISTS of_the_shop ON public.customer_service_preferences;
CREATE POLICY as_before ON public.customer_service_preferences USING (TRUE) WITH CHECK (TRUE);
CREATE POLICY of_the_shop ON public.customer_service_preferences
AS RESTRICTIVE
TO convo_shop
USING (EXISTS (SELECT FROM public.services AS s WHERE s.id = service_id AND s.shop_id = tenancy.shop_in_context()))
WITH CHECK (
    EXISTS (SELECT FROM public.services AS s WHERE s.id = service_id AND s.shop_id = tenancy.shop_in_context())
    AND EXISTS (SELECT FROM public.customers AS c WHERE c.id = customer_id)
);
ALTER TABLE public.customer_service_preferences ENABLE ROW LEVEL SECURITY;

COMMENT ON POLICY as_before ON public.customer_service_preferences IS
'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
COMMENT ON POLICY of_the_shop ON public.customer_service_preferences IS
'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';

COMMIT;
