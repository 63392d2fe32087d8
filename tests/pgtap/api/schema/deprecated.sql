-- The legacy side, while it is there, says that it is deprecated, and what to use instead. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(3);

CREATE TEMPORARY TABLE deprecated ON COMMIT DROP AS
SELECT
    'TABLE public.customer_booking_stats' AS name,
    obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class AS c
WHERE c.oid = to_regclass('public.customer_booking_stats')
UNION ALL
SELECT
    'COLUMN public.customers.' || a.attname,
    col_description(a.attrelid, a.attnum)
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = 'public.customers'::regclass
    AND a.attnum > 0
    AND col_description(a.attrelid, a.attnum) LIKE 'DEPRECATED%';

SELECT set_eq(
    $$
    SELECT
        d.name,
        m[1] AS instead
    FROM deprecated AS d
    CROSS JOIN LATERAL regexp_matches(d.comment, '\m(tenancy\.\w+|customer_shop_profiles(?:\.\w+)?)', 'g') AS m
    WHERE d.comment LIKE 'DEPRECATED (ADR-0001), goes in phase 3. Instead: %'
    $$,
    $$
    SELECT
        e.name,
        e.instead
    FROM (
        VALUES
            ('TABLE public.customer_booking_stats', 'tenancy.record_booking'),
            ('TABLE public.customer_booking_stats', 'customer_shop_profiles'),
            ('TABLE public.customer_booking_stats', 'tenancy.customer_totals'),
            ('COLUMN public.customers.preferred_stylist_id', 'tenancy.set_preferred_stylist'),
            ('COLUMN public.customers.preferred_stylist_id', 'customer_shop_profiles.preferred_stylist_id'),
            ('COLUMN public.customers.average_spend_cents', 'tenancy.customer_context'),
            ('COLUMN public.customers.average_spend_cents', 'tenancy.customer_totals'),
            ('COLUMN public.customers.no_show_count', 'tenancy.record_no_show'),
            ('COLUMN public.customers.no_show_count', 'customer_shop_profiles.no_show_count')
    ) AS e (name, instead)
    WHERE tenancy.has_legacy_side()
    $$,
    'what is deprecated, and what to use instead'
);
SELECT is_empty(
    $$
    SELECT m[1]
    FROM deprecated AS d
    CROSS JOIN LATERAL regexp_matches(d.comment, '\mtenancy\.\w+', 'g') AS m
    WHERE coalesce(to_regproc(m[1])::oid, to_regclass(m[1])) IS NULL
    $$,
    'which exists'
);

-- For a revert, which gives back the comments there were
SELECT set_eq(
    $$SELECT d.object FROM tenancy.definitions AS d WHERE d.change = 'api/deprecated'$$,
    ARRAY[
        'TABLE public.customer_booking_stats',
        'COLUMN public.customers.preferred_stylist_id',
        'COLUMN public.customers.average_spend_cents',
        'COLUMN public.customers.no_show_count'
    ],
    'the comments before are kept, of all that is deprecated'
);

SELECT * FROM finish();

ROLLBACK;
