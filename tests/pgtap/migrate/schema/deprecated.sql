-- The legacy side says that it is deprecated, and what to use instead. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(19);

CREATE TEMPORARY TABLE deprecated ON COMMIT DROP AS
SELECT
    o.position,
    o.name,
    o.instead,
    col_description('public.customers'::regclass, a.attnum) AS comment
FROM (
    VALUES
    (2, 'preferred_stylist_id', ARRAY['tenancy.set_preferred_stylist()', 'customer_shop_profiles.preferred_stylist_id']),
    (3, 'average_spend_cents', ARRAY['tenancy.customer_context()', 'tenancy.customer_totals']),
    (4, 'no_show_count', ARRAY['tenancy.record_no_show()', 'customer_shop_profiles.no_show_count'])
) AS o (position, name, instead)
JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = 'public.customers'::regclass
    AND a.attname = o.name
UNION ALL
SELECT
    1,
    'customer_booking_stats',
    ARRAY['tenancy.record_booking()', 'customer_shop_profiles', 'tenancy.customer_totals'],
    obj_description('public.customer_booking_stats'::regclass, 'pg_class');

SELECT matches(d.comment, '^DEPRECATED \(ADR-0001\), goes in phase 3\. Instead: ', d.name || ' is deprecated')
FROM deprecated AS d
ORDER BY d.position;

SELECT ok(strpos(d.comment, i.instead) > 0, format('%s: instead, %s', d.name, i.instead))
FROM deprecated AS d
CROSS JOIN LATERAL unnest(d.instead) WITH ORDINALITY AS i (instead, number)
ORDER BY d.position, i.number;

SELECT
    isnt(
        coalesce(
            to_regproc(substring(i.instead FROM '^(tenancy\.\w+)\(\)$'))::oid,
            to_regclass(substring(i.instead FROM '^(tenancy\.\w+)$'))
        ),
        NULL,
        format('which exists: %s', i.instead)
    )
FROM deprecated AS d
CROSS JOIN LATERAL unnest(d.instead) WITH ORDINALITY AS i (instead, number)
WHERE i.instead LIKE 'tenancy.%'
GROUP BY i.instead
ORDER BY i.instead;

SELECT is_empty(
    $$
    SELECT a.attname
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = 'public.customers'::regclass
        AND a.attnum > 0
        AND a.attname NOT IN ('preferred_stylist_id', 'average_spend_cents', 'no_show_count')
        AND col_description(a.attrelid, a.attnum) LIKE 'DEPRECATED%'
    $$,
    'no other column of customers is deprecated'
);

SELECT * FROM finish();

ROLLBACK;
