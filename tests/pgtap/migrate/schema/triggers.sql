-- The triggers of phase 2: the mirrors, the lock of a confirmed booking, no TRUNCATE. It only looks.
--
-- Triggers of somebody else on the legacy tables are not our business here; convo-tenancy health names them.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(9);

-- The triggers of tenancy on a table, as they are now and fire for the application.
CREATE FUNCTION pg_temp.triggers_of(wanted regclass)
RETURNS TABLE (name text, definition text)
LANGUAGE sql
AS $$
    SELECT
        t.tgname::text COLLATE "default",
        regexp_replace(
            regexp_replace(pg_get_triggerdef(t.oid), '^CREATE TRIGGER \S+ ', ''), 'EXECUTE FUNCTION tenancy\.', ''
        )
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgrelid = wanted
        AND p.pronamespace = 'tenancy'::regnamespace
        AND NOT t.tgisinternal
        AND t.tgenabled = 'O'
    ORDER BY t.tgname COLLATE "C";
$$;

SELECT results_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.bookings')$$,
    $$
    VALUES
        (
            'confirm_booking',
            'BEFORE UPDATE ON public.bookings FOR EACH ROW '
            'WHEN (((new.status = ''CONFIRMED''::bookingstatus) AND (old.status <> ''CONFIRMED''::bookingstatus))) '
            'confirm_booking()'
        ),
        (
            'confirm_new_booking',
            'BEFORE INSERT ON public.bookings FOR EACH ROW '
            'WHEN ((new.status = ''CONFIRMED''::bookingstatus)) '
            'confirm_booking()'
        )
    $$,
    'bookings: the two that lock a customer'
);

SELECT results_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.customers')$$,
    $$
    VALUES
        (
            'mirror_customer_to_profiles',
            'AFTER UPDATE ON public.customers FOR EACH ROW '
            'WHEN ((((new.preferred_stylist_id IS DISTINCT FROM old.preferred_stylist_id) '
            'OR (new.no_show_count <> old.no_show_count)) '
            'AND (current_setting(''tenancy.mirroring''::text, true) IS DISTINCT FROM ''on''::text))) '
            'mirror_customers_to_profiles()'
        ),
        (
            'mirror_new_customer_to_profiles',
            'AFTER INSERT ON public.customers FOR EACH ROW '
            'WHEN ((((new.preferred_stylist_id IS NOT NULL) OR (new.no_show_count <> 0)) '
            'AND (current_setting(''tenancy.mirroring''::text, true) IS DISTINCT FROM ''on''::text))) '
            'mirror_customers_to_profiles()'
        ),
        ('refuse_truncate', 'BEFORE TRUNCATE ON public.customers FOR EACH STATEMENT refuse_truncate()')
    $$,
    'customers: the mirror, and no TRUNCATE'
);

SELECT results_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.customer_booking_stats')$$,
    $$
    VALUES
        (
            'mirror_statistics_to_profiles',
            'AFTER INSERT OR DELETE OR UPDATE ON public.customer_booking_stats FOR EACH ROW '
            'WHEN ((current_setting(''tenancy.mirroring''::text, true) IS DISTINCT FROM ''on''::text)) '
            'mirror_statistics_to_profiles()'
        ),
        ('refuse_truncate', 'BEFORE TRUNCATE ON public.customer_booking_stats FOR EACH STATEMENT refuse_truncate()')
    $$,
    'customer_booking_stats: the mirror, and no TRUNCATE'
);

SELECT results_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.customer_stylist_preferences')$$,
    $$
    VALUES
        (
            'mirror_stylist_preference_to_profile',
            'AFTER INSERT OR DELETE OR UPDATE ON public.customer_stylist_preferences FOR EACH ROW '
            'WHEN ((current_setting(''tenancy.mirroring''::text, true) IS DISTINCT FROM ''on''::text)) '
            'mirror_stylist_preferences_to_profiles()'
        ),
        ('refuse_truncate', 'BEFORE TRUNCATE ON public.customer_stylist_preferences FOR EACH STATEMENT refuse_truncate()')
    $$,
    'customer_stylist_preferences: the mirror, and no TRUNCATE'
);

SELECT results_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.customer_shop_profiles')$$,
    $$
    VALUES
        (
            'mirror_profile_to_legacy',
            'AFTER INSERT OR DELETE OR UPDATE ON public.customer_shop_profiles FOR EACH ROW mirror_profiles_to_legacy()'
        ),
        ('refuse_truncate', 'BEFORE TRUNCATE ON public.customer_shop_profiles FOR EACH STATEMENT refuse_truncate()')
    $$,
    'customer_shop_profiles: the mirror, and no TRUNCATE'
);
SELECT triggers_are(
    'public',
    'customer_shop_profiles',
    ARRAY['mirror_profile_to_legacy', 'refuse_truncate'],
    'customer_shop_profiles: and no other'
);

-- Those of phase 1, as they were
SELECT results_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.stylists')$$,
    $$
    VALUES
        (
            'stylist_arrives',
            'AFTER UPDATE OF shop_id ON public.stylists FOR EACH ROW '
            'WHEN ((old.shop_id IS DISTINCT FROM new.shop_id)) set_stylist_preferences()'
        ),
        (
            'stylist_leaves',
            'BEFORE DELETE OR UPDATE OF shop_id ON public.stylists FOR EACH ROW clear_stylist_preferences()'
        )
    $$,
    'stylists: those of phase 1'
);

SELECT is_empty(
    $$
    SELECT
        t.tgrelid::regclass,
        t.tgname
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND NOT t.tgisinternal
        AND t.tgrelid NOT IN (
            'public.bookings'::regclass,
            'public.customers'::regclass,
            'public.customer_booking_stats'::regclass,
            'public.customer_stylist_preferences'::regclass,
            'public.customer_shop_profiles'::regclass,
            'public.stylists'::regclass
        )
    $$,
    'no other table has a trigger of tenancy'
);

SELECT is_empty(
    $$
    SELECT
        t.tgrelid::regclass,
        t.tgname
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND t.tgenabled <> 'O'
    $$,
    'none of them is disabled, and none fires on a replica'
);

SELECT * FROM finish();

ROLLBACK;
