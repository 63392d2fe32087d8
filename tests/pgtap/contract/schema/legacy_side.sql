-- The legacy side is out of public, and its data in the archive unless that was purged. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(13);

-- The triggers of tenancy on a table
CREATE FUNCTION pg_temp.triggers_of(wanted regclass)
RETURNS SETOF text
LANGUAGE sql
AS $$
    SELECT t.tgname::text
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgrelid = wanted
        AND p.pronamespace = 'tenancy'::regnamespace
        AND t.tgname NOT IN ('forget_customers', 'mark_unproven_booking'); -- of every phase, and of phase 2 and 3
$$;

SELECT is(tenancy.has_legacy_side(), FALSE, 'there is no legacy side');
SELECT hasnt_table('public', 'customer_booking_stats', 'customer_booking_stats is gone');
SELECT columns_are(
    'public',
    'customers',
    ARRAY['id', 'email', 'phone', 'name', 'created_at', 'updated_at'],
    'customers: who they are, and no more'
);
SELECT
    is_empty(
        format('SELECT * FROM pg_temp.triggers_of(%L)', t.name),
        format('%s: no trigger of the dual write', t.name)
    )
FROM (
    VALUES ('public.bookings'), ('public.customers'), ('public.customer_stylist_preferences')
) AS t (name)
ORDER BY t.name;
SELECT set_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.stylists')$$,
    ARRAY['stylist_leaves', 'stylist_arrives'],
    'public.stylists: preferences follow a stylist'
);
SELECT set_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.shops')$$,
    ARRAY['shop_closes', 'shop_changes_id', 'shops_truncated'],
    'public.shops: a shop that goes leaves its history'
);
SELECT set_eq(
    $$SELECT * FROM pg_temp.triggers_of('public.customer_shop_profiles')$$,
    ARRAY['record_origin', 'record_origin_of_new', 'record_origin_of_deleted'],
    'public.customer_shop_profiles: where a profile comes from'
);
SELECT is((SELECT count(*) FROM tenancy.contracted), 1::bigint, 'when the contract was, is known');

-- Nobody is kept from deleting a customer, and nothing of theirs stays.
SELECT set_eq(
    $$
    SELECT
        c.conrelid::regclass::text AS name,
        c.confdeltype::text AS on_delete,
        c.convalidated
    FROM pg_catalog.pg_constraint AS c
    JOIN pg_catalog.pg_class AS t ON t.oid = c.conrelid
    WHERE t.relnamespace = to_regnamespace('tenancy_archive')
        AND c.contype = 'f'
    $$,
    $$
    SELECT
        a.name,
        'c'::text AS on_delete,
        TRUE AS convalidated
    FROM unnest('{tenancy_archive.customers,tenancy_archive.customer_booking_stats}'::text[]) AS a (name)
    WHERE to_regclass(a.name) IS NOT NULL
    $$,
    'the archive: foreign keys that cascade, validated'
);
SELECT is_empty(
    $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = to_regnamespace('tenancy_archive')
        AND c.relkind = 'r'
        AND (c.relacl IS NOT NULL AND c.relname = 'customers' OR obj_description(c.oid, 'pg_class') IS NULL)
    $$,
    'the archive: granted to nobody, and commented'
);
SELECT ok(
    coalesce(NOT has_schema_privilege('convo_shop', to_regnamespace('tenancy_archive'), 'USAGE'), TRUE)
    AND coalesce(NOT has_schema_privilege('convo_back_office', to_regnamespace('tenancy_archive'), 'USAGE'), TRUE),
    'the archive: closed to the application'
);

SELECT * FROM finish();

ROLLBACK;
