-- public.customer_shop_profiles is the table of ADR-0001, and one foreign key more. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(7);

\ir ../../helpers/tables.sql

SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('public.customer_shop_profiles')$$,
    $$
    VALUES
        ('id', 'integer', TRUE, 'nextval(''customer_shop_profiles_id_seq''::regclass)'),
        ('customer_id', 'integer', TRUE, NULL),
        ('shop_id', 'integer', TRUE, NULL),
        ('preferred_stylist_id', 'integer', FALSE, NULL),
        ('total_bookings', 'integer', TRUE, '0'),
        ('total_spend_cents', 'integer', TRUE, '0'),
        ('last_booking_at', 'timestamp with time zone', FALSE, NULL),
        ('no_show_count', 'integer', TRUE, '0'),
        ('created_at', 'timestamp with time zone', TRUE, 'now()'),
        ('updated_at', 'timestamp with time zone', TRUE, 'now()')
    $$,
    'it has the columns of the ADR and no other'
);
SELECT is(
    pg_get_serial_sequence('public.customer_shop_profiles', 'id'),
    'public.customer_shop_profiles_id_seq',
    'the sequence of its ids goes with the column'
);

SELECT results_eq(
    $$SELECT * FROM pg_temp.constraints_of('public.customer_shop_profiles') AS c (name) WHERE c.name NOT LIKE '%\_check'$$,
    $$
    VALUES
        (
            'customer_shop_profiles_customer_id_fkey',
            'FOREIGN KEY (customer_id) REFERENCES customers(id) ON DELETE CASCADE'
        ),
        ('customer_shop_profiles_pkey', 'PRIMARY KEY (id)'),
        (
            'customer_shop_profiles_preferred_stylist_id_fkey',
            'FOREIGN KEY (preferred_stylist_id) REFERENCES stylists(id) ON DELETE SET NULL'
        ),
        (
            'customer_shop_profiles_preferred_stylist_shop_fkey',
            'FOREIGN KEY (preferred_stylist_id, shop_id) REFERENCES stylists(id, shop_id) '
            'ON DELETE SET NULL (preferred_stylist_id)'
        ),
        (
            'customer_shop_profiles_shop_id_fkey',
            'FOREIGN KEY (shop_id) REFERENCES shops(id) ON DELETE CASCADE'
        ),
        ('uq_customer_shop_profile', 'UNIQUE (customer_id, shop_id)')
    $$,
    'these are its constraints, all validated: keys, and what a deletion does'
);
SELECT is_empty(
    $$
    SELECT c.conname
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conrelid = 'public.customer_shop_profiles'::regclass
        AND NOT c.convalidated
    $$,
    'and there is none that is not validated'
);

SELECT results_eq(
    $$
    SELECT
        pg_get_indexdef(i.indexrelid),
        i.indisvalid AND i.indisready
    FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = 'public.customer_shop_profiles'::regclass
    ORDER BY 1
    $$,
    $$
    SELECT
        format('CREATE %s ON public.customer_shop_profiles USING btree (%s)', e.name, e.columns),
        TRUE
    FROM (
        VALUES
        ('INDEX idx_customer_shop_profiles_customer', 'customer_id'),
        ('INDEX idx_customer_shop_profiles_shop', 'shop_id'),
        ('UNIQUE INDEX customer_shop_profiles_pkey', 'id'),
        ('UNIQUE INDEX uq_customer_shop_profile', 'customer_id, shop_id')
    ) AS e (name, columns)
    ORDER BY 1
    $$,
    'it has the indexes of the ADR and no other, all valid'
);

SELECT is(
    (SELECT c.reloptions FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.customer_shop_profiles'::regclass),
    ARRAY['fillfactor=90'],
    'its pages have room for updates; autovacuum, off while the backfill ran, is on again'
);
SELECT is(
    (SELECT c.relpersistence::text FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.customer_shop_profiles'::regclass),
    'p',
    'it is logged, so that replicas have it'
);

SELECT * FROM finish();

ROLLBACK;
