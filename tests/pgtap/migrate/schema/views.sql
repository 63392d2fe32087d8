-- The views of phase 2. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(7);

SELECT views_are('tenancy', ARRAY['drift', 'customer_totals', 'legacy_writers', 'dual_write_parts'], 'the views of tenancy');

SELECT
    results_eq(
        format(
            $$
            SELECT
                a.attname::text COLLATE "default",
                format_type(a.atttypid, a.atttypmod)
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = 'tenancy.%I'::regclass
                AND a.attnum > 0
            ORDER BY a.attnum
            $$,
            e.name
        ),
        e.columns,
        format('%s: columns', e.name)
    )
FROM (
    VALUES
    (
        1,
        'customer_totals',
        $$
        VALUES
            ('customer_id', 'integer'),
            ('shops', 'integer'),
            ('total_bookings', 'integer'),
            ('total_spend_cents', 'bigint'),
            ('average_spend_cents', 'integer'),
            ('last_booking_at', 'timestamp with time zone'),
            ('no_show_count', 'integer')
        $$
    ),
    (
        2,
        'legacy_writers',
        $$
        VALUES
            ('application_name', 'text'),
            ('role_name', 'text'),
            ('writes', 'bigint'),
            ('first_at', 'timestamp with time zone'),
            ('last_at', 'timestamp with time zone')
        $$
    ),
    (
        3,
        'dual_write_parts',
        $$
        VALUES
            ('name', 'text'),
            ('fingerprint', 'text'),
            ('is_enabled', 'boolean')
        $$
    )
) AS e (position, name, columns)
ORDER BY e.position;

SELECT
    is(
        (SELECT c.reloptions FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass('tenancy.' || e.name)),
        ARRAY['security_invoker=true'],
        format('%s: runs with the rights of who reads it', e.name)
    )
FROM (VALUES ('customer_totals'), ('dual_write_parts'), ('legacy_writers')) AS e (name)
ORDER BY e.name;

SELECT * FROM finish();

ROLLBACK;
