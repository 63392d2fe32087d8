-- The policies and the rights of the three roles, exactly: what is not here, nobody has.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(33);

SELECT policies_are('public', 'bookings', ARRAY['as_before', 'of_the_shop'], 'the policies of bookings');
SELECT policy_cmd_is('public', 'bookings', 'as_before', 'all', 'as_before on bookings: every command');
SELECT policy_roles_are('public', 'bookings', 'of_the_shop', ARRAY['convo_shop'], 'of_the_shop on bookings: convo_shop');
SELECT policy_cmd_is('public', 'bookings', 'of_the_shop', 'all', 'of_the_shop on bookings: every command');

SELECT policies_are(
    'public', 'customer_service_preferences', ARRAY['as_before', 'of_the_shop'],
    'the policies of customer_service_preferences'
);
SELECT policy_cmd_is(
    'public', 'customer_service_preferences', 'as_before', 'all',
    'as_before on customer_service_preferences: every command'
);
SELECT policy_roles_are(
    'public', 'customer_service_preferences', 'of_the_shop', ARRAY['convo_shop'],
    'of_the_shop on customer_service_preferences: convo_shop'
);
SELECT policy_cmd_is(
    'public', 'customer_service_preferences', 'of_the_shop', 'all',
    'of_the_shop on customer_service_preferences: every command'
);

SELECT policies_are(
    'public', 'customer_shop_profiles', ARRAY['as_before', 'of_the_shop'],
    'the policies of customer_shop_profiles'
);
SELECT policy_cmd_is('public', 'customer_shop_profiles', 'as_before', 'all', 'as_before on customer_shop_profiles: every command');
SELECT policy_roles_are(
    'public', 'customer_shop_profiles', 'of_the_shop', ARRAY['convo_shop'],
    'of_the_shop on customer_shop_profiles: convo_shop'
);
SELECT policy_cmd_is(
    'public', 'customer_shop_profiles', 'of_the_shop', 'all',
    'of_the_shop on customer_shop_profiles: every command'
);

SELECT policies_are(
    'public', 'customer_stylist_preferences', ARRAY['as_before', 'of_the_shop'],
    'the policies of customer_stylist_preferences'
);
SELECT policy_cmd_is(
    'public', 'customer_stylist_preferences', 'as_before', 'all',
    'as_before on customer_stylist_preferences: every command'
);
SELECT policy_roles_are(
    'public', 'customer_stylist_preferences', 'of_the_shop', ARRAY['convo_shop'],
    'of_the_shop on customer_stylist_preferences: convo_shop'
);
SELECT policy_cmd_is(
    'public', 'customer_stylist_preferences', 'of_the_shop', 'all',
    'of_the_shop on customer_stylist_preferences: every command'
);

SELECT policies_are('public', 'customers', ARRAY['as_before', 'of_the_shop'], 'the policies of customers');
SELECT policy_cmd_is('public', 'customers', 'as_before', 'all', 'as_before on customers: every command');
SELECT policy_roles_are('public', 'customers', 'of_the_shop', ARRAY['convo_shop'], 'of_the_shop on customers: convo_shop');
SELECT policy_cmd_is('public', 'customers', 'of_the_shop', 'all', 'of_the_shop on customers: every command');

SELECT policies_are('public', 'services', ARRAY['as_before', 'of_the_shop'], 'the policies of services');
SELECT policy_cmd_is('public', 'services', 'as_before', 'all', 'as_before on services: every command');
SELECT policy_roles_are('public', 'services', 'of_the_shop', ARRAY['convo_shop'], 'of_the_shop on services: convo_shop');
SELECT policy_cmd_is('public', 'services', 'of_the_shop', 'all', 'of_the_shop on services: every command');

SELECT policies_are('public', 'stylists', ARRAY['as_before', 'of_the_shop'], 'the policies of stylists');
SELECT policy_cmd_is('public', 'stylists', 'as_before', 'all', 'as_before on stylists: every command');
SELECT policy_roles_are('public', 'stylists', 'of_the_shop', ARRAY['convo_shop'], 'of_the_shop on stylists: convo_shop');
SELECT policy_cmd_is('public', 'stylists', 'of_the_shop', 'all', 'of_the_shop on stylists: every command');

SELECT set_eq(
    $$
    SELECT
        c.relname::text,
        p.polname::text,
        p.polpermissive,
        p.polroles = '{0}' AS is_of_everybody,
        pg_get_expr(p.polqual, p.polrelid) = 'true' AS lets_all_pass,
        c.relrowsecurity,
        c.relforcerowsecurity
    FROM pg_catalog.pg_policy AS p
    JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
    $$,
    $$
    SELECT
        t.table_name,
        p.policy_name,
        p.is_permissive AS is_permissive,
        p.is_permissive AS is_of_everybody,
        p.is_permissive AS lets_all_pass,
        TRUE AS is_on,
        FALSE AS is_forced
    FROM (
        VALUES
        ('bookings'),
        ('customer_service_preferences'),
        ('customer_shop_profiles'),
        ('customer_stylist_preferences'),
        ('customers'),
        ('services'),
        ('stylists')
    ) AS t (table_name)
    CROSS JOIN (VALUES ('as_before', TRUE), ('of_the_shop', FALSE)) AS p (policy_name, is_permissive)
    $$,
    'as_before lets all rows pass, of_the_shop restricts; row-level security is on and not FORCEd; and there are no others'
);

SELECT is_empty(
    $$
    SELECT p.polname
    FROM pg_catalog.pg_policy AS p
    WHERE obj_description(p.oid, 'pg_policy') IS NULL
    $$,
    'every policy has a comment'
);

-- Rights

CREATE FUNCTION pg_temp.rights_of(role_name text)
RETURNS TABLE (object text, rights text)
LANGUAGE sql
AS $$
    SELECT
        a.object,
        string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
    FROM (
        SELECT
            c.oid::regclass::text AS object,
            x.grantee,
            x.privilege_type
        FROM pg_catalog.pg_class AS c
        CROSS JOIN LATERAL aclexplode(c.relacl) AS x
        UNION ALL
        SELECT
            t.attrelid::regclass::text || '.' || t.attname,
            x.grantee,
            x.privilege_type
        FROM pg_catalog.pg_attribute AS t
        CROSS JOIN LATERAL aclexplode(t.attacl) AS x
        UNION ALL
        SELECT
            p.oid::regproc::text,
            x.grantee,
            x.privilege_type
        FROM pg_catalog.pg_proc AS p
        CROSS JOIN LATERAL aclexplode(p.proacl) AS x
        UNION ALL
        SELECT
            n.nspname::text,
            x.grantee,
            x.privilege_type
        FROM pg_catalog.pg_namespace AS n
        CROSS JOIN LATERAL aclexplode(n.nspacl) AS x
    ) AS a
    WHERE a.grantee = role_name::regrole
    GROUP BY a.object
$$;

SELECT set_eq(
    $$SELECT r.object, r.rights FROM pg_temp.rights_of('convo_shop') AS r$$,
    $$
    VALUES
    ('bookings', 'DELETE, INSERT, SELECT, UPDATE'),
    ('customer_service_preferences', 'DELETE, INSERT, SELECT, UPDATE'),
    ('customer_service_preferences_id_seq', 'USAGE'),
    ('customer_shop_profiles', 'SELECT'),
    ('customer_shop_profiles.last_booking_at', 'UPDATE'),
    ('customer_shop_profiles.no_show_count', 'UPDATE'),
    ('customer_shop_profiles.preferred_stylist_id', 'UPDATE'),
    ('customer_shop_profiles.total_bookings', 'UPDATE'),
    ('customer_shop_profiles.total_spend_cents', 'UPDATE'),
    ('customer_shop_profiles.updated_at', 'UPDATE'),
    ('customer_stylist_preferences', 'SELECT'),
    ('customers.created_at', 'SELECT'),
    ('customers.email', 'SELECT'),
    ('customers.id', 'SELECT'),
    ('customers.name', 'SELECT'),
    ('customers.phone', 'SELECT'),
    ('customers.updated_at', 'SELECT'),
    ('services', 'SELECT'),
    ('stylists.active', 'SELECT'),
    ('stylists.created_at', 'SELECT'),
    ('stylists.id', 'SELECT'),
    ('stylists.name', 'SELECT'),
    ('stylists.shop_id', 'SELECT'),
    ('stylists.work_end', 'SELECT'),
    ('stylists.work_start', 'SELECT'),
    ('tenancy', 'USAGE'),
    ('tenancy.customer_by_email', 'EXECUTE'),
    ('tenancy.customer_by_phone', 'EXECUTE'),
    ('tenancy.customer_context', 'EXECUTE'),
    ('tenancy.customers_by_preferred_stylist', 'EXECUTE'),
    ('tenancy.get_or_create_customer', 'EXECUTE'),
    ('tenancy.normalized_email', 'EXECUTE'),
    ('tenancy.normalized_phone', 'EXECUTE'),
    ('tenancy.record_booking', 'EXECUTE'),
    ('tenancy.record_no_show', 'EXECUTE'),
    ('tenancy.set_preferred_stylist', 'EXECUTE'),
    ('tenancy.shop_in_context', 'EXECUTE')
    $$,
    'convo_shop: one shop, and nothing of the legacy side'
);

SELECT set_eq(
    $$SELECT r.object, r.rights FROM pg_temp.rights_of('convo_back_office') AS r$$,
    $$
    VALUES
    ('bookings', 'DELETE, INSERT, SELECT, UPDATE'),
    ('customer_booking_stats', 'SELECT'),
    ('customer_service_preferences', 'DELETE, INSERT, SELECT, UPDATE'),
    ('customer_service_preferences_id_seq', 'USAGE'),
    ('customer_shop_profiles', 'SELECT'),
    ('customer_shop_profiles.last_booking_at', 'UPDATE'),
    ('customer_shop_profiles.no_show_count', 'UPDATE'),
    ('customer_shop_profiles.preferred_stylist_id', 'UPDATE'),
    ('customer_shop_profiles.total_bookings', 'UPDATE'),
    ('customer_shop_profiles.total_spend_cents', 'UPDATE'),
    ('customer_shop_profiles.updated_at', 'UPDATE'),
    ('customer_stylist_preferences', 'SELECT'),
    ('customers', 'SELECT'),
    ('services', 'SELECT'),
    ('shops', 'SELECT'),
    ('stylists', 'SELECT'),
    ('tenancy', 'USAGE'),
    ('tenancy.customer_by_email', 'EXECUTE'),
    ('tenancy.customer_by_phone', 'EXECUTE'),
    ('tenancy.customer_context', 'EXECUTE'),
    ('tenancy.customer_totals', 'SELECT'),
    ('tenancy.customers_by_preferred_stylist', 'EXECUTE'),
    ('tenancy.get_or_create_customer', 'EXECUTE'),
    ('tenancy.normalized_email', 'EXECUTE'),
    ('tenancy.normalized_phone', 'EXECUTE'),
    ('tenancy.record_booking', 'EXECUTE'),
    ('tenancy.record_no_show', 'EXECUTE'),
    ('tenancy.set_preferred_stylist', 'EXECUTE'),
    ('tenancy.shop_in_context', 'EXECUTE')
    $$,
    'convo_back_office: all shops'
);

SELECT set_eq(
    $$SELECT r.object, r.rights FROM pg_temp.rights_of('convo_health') AS r$$,
    $$
    VALUES
    ('customer_booking_stats', 'SELECT'),
    ('customer_shop_profiles', 'SELECT'),
    ('customers', 'SELECT'),
    ('shops', 'SELECT'),
    ('sqitch', 'USAGE'),
    ('sqitch.changes', 'SELECT'),
    ('sqitch.tags', 'SELECT'),
    ('stylists', 'SELECT'),
    ('tenancy', 'USAGE'),
    ('tenancy.backfill_progress', 'SELECT'),
    ('tenancy.drift', 'SELECT'),
    ('tenancy.legacy_writers', 'SELECT'),
    ('tenancy.legacy_writes', 'SELECT'),
    ('tenancy.settings', 'SELECT')
    $$,
    'convo_health: what the health check reads'
);

SELECT * FROM finish();

ROLLBACK;
