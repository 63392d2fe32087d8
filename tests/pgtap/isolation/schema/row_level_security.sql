-- The policies and the rights of the three roles, exactly: what is not here, nobody has. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(5);

SELECT set_eq(
    $$
    SELECT
        c.relname::text,
        p.polname::text,
        p.polpermissive,
        p.polcmd,
        (SELECT array_agg(coalesce(r.rolname, 'PUBLIC')::text) FROM unnest(p.polroles) AS m LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = m),
        pg_get_expr(p.polqual, p.polrelid) = 'true',
        c.relrowsecurity,
        c.relforcerowsecurity
    FROM pg_catalog.pg_policy AS p
    JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
    $$,
    $$
    SELECT
        t.table_name,
        p.policy_name,
        p.is_permissive,
        '*'::"char" AS every_command,
        p.roles,
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
    CROSS JOIN (
        VALUES ('as_before', TRUE, ARRAY['PUBLIC']), ('of_the_shop', FALSE, ARRAY['convo_shop'])
    ) AS p (policy_name, is_permissive, roles)
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
        AND a.object NOT LIKE 'tenancy\_archive%' -- closed to all of them: contract/schema/legacy_side.sql
    GROUP BY a.object;
$$;

CREATE TEMPORARY TABLE expected (object text, convo_shop text, convo_back_office text, convo_health text) ON COMMIT DROP;

-- One shop, and nothing of the legacy side; all shops; what the health check reads.
INSERT INTO expected (object, convo_shop, convo_back_office, convo_health)
VALUES
('bookings', 'DELETE, INSERT, SELECT, UPDATE', 'DELETE, INSERT, SELECT, UPDATE', NULL),
('bookings.appointment_status', NULL, NULL, 'SELECT'),
('bookings.appointment_status_updated_at_utc', NULL, NULL, 'SELECT'),
('bookings.created_at', NULL, NULL, 'SELECT'),
('bookings.customer_email', NULL, NULL, 'SELECT'),
('bookings.customer_phone', NULL, NULL, 'SELECT'),
('bookings.id', NULL, NULL, 'SELECT'),
('bookings.service_id', NULL, NULL, 'SELECT'),
('bookings.shop_id', NULL, NULL, 'SELECT'),
('bookings.start_at_utc', NULL, NULL, 'SELECT'),
('bookings.status', NULL, NULL, 'SELECT'),
('bookings.stylist_id', NULL, NULL, 'SELECT'),
('customer_booking_stats', NULL, 'SELECT', 'SELECT'),
('customer_service_preferences', 'DELETE, INSERT, SELECT, UPDATE', 'DELETE, INSERT, SELECT, UPDATE', NULL),
('customer_service_preferences_id_seq', 'USAGE', 'USAGE', NULL),
('customer_shop_profiles', 'SELECT', 'SELECT', 'SELECT'),
('customer_shop_profiles.last_booking_at', 'UPDATE', 'UPDATE', NULL),
('customer_shop_profiles.no_show_count', 'UPDATE', 'UPDATE', NULL),
('customer_shop_profiles.preferred_stylist_id', 'UPDATE', 'UPDATE', NULL),
('customer_shop_profiles.total_bookings', 'UPDATE', 'UPDATE', NULL),
('customer_shop_profiles.total_spend_cents', 'UPDATE', 'UPDATE', NULL),
('customer_shop_profiles.updated_at', 'UPDATE', 'UPDATE', NULL),
('customer_stylist_preferences', 'SELECT', 'SELECT', 'SELECT'),
('customers', NULL, 'SELECT', 'SELECT'),
('customers.created_at', 'SELECT', NULL, NULL),
('customers.email', 'SELECT', NULL, NULL),
('customers.id', 'SELECT', NULL, NULL),
('customers.name', 'SELECT', NULL, NULL),
('customers.phone', 'SELECT', NULL, NULL),
('customers.updated_at', 'SELECT', NULL, NULL),
('services', 'SELECT', 'SELECT', 'SELECT'),
('shops', NULL, 'SELECT', 'SELECT'),
('stylists', NULL, 'SELECT', 'SELECT'),
('stylists.active', 'SELECT', NULL, NULL),
('stylists.created_at', 'SELECT', NULL, NULL),
('stylists.id', 'SELECT', NULL, NULL),
('stylists.name', 'SELECT', NULL, NULL),
('stylists.shop_id', 'SELECT', NULL, NULL),
('stylists.work_end', 'SELECT', NULL, NULL),
('stylists.work_start', 'SELECT', NULL, NULL),
('sqitch', NULL, NULL, 'USAGE'),
('sqitch.changes', NULL, NULL, 'SELECT'),
('sqitch.tags', NULL, NULL, 'SELECT'),
('tenancy', 'USAGE', 'USAGE', 'USAGE'),
('tenancy.backfill_progress', NULL, NULL, 'SELECT'),
('tenancy.changes', NULL, NULL, 'SELECT'),
('tenancy.command_for', NULL, NULL, 'EXECUTE'),
('tenancy.contracted', NULL, NULL, 'SELECT'),
('tenancy.tracking', NULL, NULL, 'SELECT'),
('tenancy.customer_bookings', NULL, NULL, 'SELECT'),
('tenancy.customer_by_email', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.customer_by_phone', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.customer_context', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.customer_totals', NULL, 'SELECT', NULL),
('tenancy.customers_by_preferred_stylist', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.deployed_parts', NULL, NULL, 'SELECT'),
('tenancy.drift', NULL, NULL, 'SELECT'),
('tenancy.evidence', NULL, NULL, 'SELECT'),
('tenancy.get_or_create_customer', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.is_registered', NULL, NULL, 'EXECUTE'),
('tenancy.legacy_readers', NULL, NULL, 'EXECUTE'),
('tenancy.double_writers', NULL, NULL, 'SELECT'),
('tenancy.double_writes', NULL, NULL, 'SELECT'),
('tenancy.legacy_writers', NULL, NULL, 'SELECT'),
('tenancy.legacy_writers_by_shop', NULL, NULL, 'SELECT'),
('tenancy.legacy_writes', NULL, NULL, 'SELECT'),
('tenancy.mirror_marks', NULL, NULL, 'SELECT'),
('tenancy.mirror_watch', NULL, NULL, 'SELECT'),
('tenancy.moved_stylists', NULL, NULL, 'SELECT'),
('tenancy.names_legacy_side', NULL, NULL, 'EXECUTE'),
('tenancy.normalized_email', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.normalized_phone', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.open_changes', NULL, NULL, 'EXECUTE'),
('tenancy.part_definition', NULL, NULL, 'EXECUTE'),
('tenancy.part_problems', NULL, NULL, 'SELECT'),
('tenancy.parts', NULL, NULL, 'SELECT'),
('tenancy.record_booking', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.record_no_show', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.set_preferred_stylist', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.settings', NULL, NULL, 'SELECT'),
('tenancy.shop_check', NULL, NULL, 'SELECT'),
('tenancy.shop_context', 'EXECUTE', 'EXECUTE', NULL),
('tenancy.shop_counts', NULL, NULL, 'SELECT'),
('tenancy.statements_relation', NULL, NULL, 'EXECUTE'),
('tenancy.unseen_readers', NULL, NULL, 'EXECUTE'),
('tenancy.watch', NULL, NULL, 'SELECT');

-- What the contract takes away
DELETE FROM expected AS e
WHERE e.object IN ('customer_booking_stats', 'tenancy.drift')
    AND NOT tenancy.has_legacy_side();

SELECT
    set_eq(
        format('SELECT r.object, r.rights FROM pg_temp.rights_of(%L) AS r', e.role_name),
        format('SELECT e.object, e.%1$I FROM expected AS e WHERE e.%1$I IS NOT NULL', e.role_name),
        format('the rights of %s', e.role_name)
    )
FROM unnest('{convo_shop,convo_back_office,convo_health}'::text[]) WITH ORDINALITY AS e (role_name, position)
ORDER BY e.position;

SELECT * FROM finish();

ROLLBACK;
