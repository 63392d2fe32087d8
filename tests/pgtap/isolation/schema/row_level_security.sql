-- The policies and the rights of the three roles, exactly: what is not here, nobody has. It only looks, whether isolation is on or off.

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
        i.state = 'on' AS is_on,
        FALSE AS is_forced
    FROM tenancy.isolation AS i
    CROSS JOIN (
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
    'as_before is permissive, of_the_shop restricts; row-level security is on with isolation, not FORCEd; and there are no others'
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
        WHERE NOT t.attisdropped
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

INSERT INTO expected (object, convo_shop, convo_back_office, convo_health)
SELECT
    concat_ws('.', regexp_replace(o.object, '^public\.', ''), c.column_name),
    r.convo_shop,
    r.convo_back_office,
    r.convo_health
FROM tenancy.listed_rights AS r
CROSS JOIN LATERAL regexp_split_to_table(r.objects, ', ') AS o (object)
LEFT JOIN LATERAL regexp_split_to_table(r.columns, ', ') AS c (column_name) ON TRUE
WHERE NOT r.is_legacy
    OR tenancy.has_legacy_side();

-- On tables only while isolation is on
UPDATE expected AS e
SET convo_shop = NULL
FROM tenancy.isolation AS i
WHERE i.state <> 'on'
    AND e.object NOT LIKE 'tenancy%';

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
