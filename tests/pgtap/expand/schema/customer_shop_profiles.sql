-- public.customer_shop_profiles is the table of ADR-0001, and one foreign key more. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(52);

SELECT has_table('public', 'customer_shop_profiles', 'the table exists');

SELECT columns_are(
    'public',
    'customer_shop_profiles',
    ARRAY[
        'id',
        'customer_id',
        'shop_id',
        'preferred_stylist_id',
        'total_bookings',
        'total_spend_cents',
        'last_booking_at',
        'no_show_count',
        'created_at',
        'updated_at'
    ],
    'it has the columns of the ADR and no other'
);

SELECT col_type_is('public', 'customer_shop_profiles', 'id', 'integer', 'id is integer');
SELECT col_type_is('public', 'customer_shop_profiles', 'customer_id', 'integer', 'customer_id is integer');
SELECT col_type_is('public', 'customer_shop_profiles', 'shop_id', 'integer', 'shop_id is integer');
SELECT col_type_is('public', 'customer_shop_profiles', 'preferred_stylist_id', 'integer', 'preferred_stylist_id is integer');
SELECT col_type_is('public', 'customer_shop_profiles', 'total_bookings', 'integer', 'total_bookings is integer');
SELECT col_type_is('public', 'customer_shop_profiles', 'total_spend_cents', 'integer', 'total_spend_cents is integer');
SELECT col_type_is(
    'public', 'customer_shop_profiles', 'last_booking_at', 'timestamp with time zone', 'last_booking_at is timestamptz'
);
SELECT col_type_is('public', 'customer_shop_profiles', 'no_show_count', 'integer', 'no_show_count is integer');
SELECT col_type_is('public', 'customer_shop_profiles', 'created_at', 'timestamp with time zone', 'created_at is timestamptz');
SELECT col_type_is('public', 'customer_shop_profiles', 'updated_at', 'timestamp with time zone', 'updated_at is timestamptz');

SELECT col_not_null('public', 'customer_shop_profiles', 'id', 'id is NOT NULL');
SELECT col_not_null('public', 'customer_shop_profiles', 'customer_id', 'customer_id is NOT NULL');
SELECT col_not_null('public', 'customer_shop_profiles', 'shop_id', 'shop_id is NOT NULL');
SELECT col_is_null('public', 'customer_shop_profiles', 'preferred_stylist_id', 'preferred_stylist_id may be NULL');
SELECT col_not_null('public', 'customer_shop_profiles', 'total_bookings', 'total_bookings is NOT NULL');
SELECT col_not_null('public', 'customer_shop_profiles', 'total_spend_cents', 'total_spend_cents is NOT NULL');
SELECT col_is_null('public', 'customer_shop_profiles', 'last_booking_at', 'last_booking_at may be NULL');
SELECT col_not_null('public', 'customer_shop_profiles', 'no_show_count', 'no_show_count is NOT NULL');
SELECT col_not_null('public', 'customer_shop_profiles', 'created_at', 'created_at is NOT NULL');
SELECT col_not_null('public', 'customer_shop_profiles', 'updated_at', 'updated_at is NOT NULL');

SELECT col_has_default('public', 'customer_shop_profiles', 'id', 'id has a default');
SELECT is(
    pg_get_serial_sequence('public.customer_shop_profiles', 'id'),
    'public.customer_shop_profiles_id_seq',
    'which is the next value of a sequence that goes with the column'
);
SELECT col_hasnt_default('public', 'customer_shop_profiles', 'customer_id', 'customer_id has no default');
SELECT col_hasnt_default('public', 'customer_shop_profiles', 'shop_id', 'shop_id has no default');
SELECT col_hasnt_default('public', 'customer_shop_profiles', 'preferred_stylist_id', 'preferred_stylist_id has no default');
SELECT col_default_is('public', 'customer_shop_profiles', 'total_bookings', '0', 'total_bookings defaults to 0');
SELECT col_default_is('public', 'customer_shop_profiles', 'total_spend_cents', '0', 'total_spend_cents defaults to 0');
SELECT col_hasnt_default('public', 'customer_shop_profiles', 'last_booking_at', 'last_booking_at has no default');
SELECT col_default_is('public', 'customer_shop_profiles', 'no_show_count', '0', 'no_show_count defaults to 0');
SELECT col_default_is('public', 'customer_shop_profiles', 'created_at', 'now()', 'created_at defaults to now()');
SELECT col_default_is('public', 'customer_shop_profiles', 'updated_at', 'now()', 'updated_at defaults to now()');

-- Keys

SELECT col_is_pk('public', 'customer_shop_profiles', 'id', 'id is the primary key');
SELECT col_is_unique(
    'public', 'customer_shop_profiles', ARRAY['customer_id', 'shop_id'], 'a customer has one profile in a shop'
);

SELECT results_eq(
    $$
    SELECT
        c.conname::text COLLATE "default",
        pg_get_constraintdef(c.oid)
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conrelid = 'public.customer_shop_profiles'::regclass
        AND c.contype IN ('p', 'u', 'c', 'x')
    ORDER BY c.conname
    $$,
    $$
    VALUES
        ('customer_shop_profiles_pkey', 'PRIMARY KEY (id)'),
        ('uq_customer_shop_profile', 'UNIQUE (customer_id, shop_id)')
    $$,
    'these are its keys, by name; no check constraint'
);

SELECT col_is_fk('public', 'customer_shop_profiles', 'customer_id', 'customer_id is a foreign key');
SELECT col_is_fk('public', 'customer_shop_profiles', 'shop_id', 'shop_id is a foreign key');
SELECT col_is_fk('public', 'customer_shop_profiles', 'preferred_stylist_id', 'preferred_stylist_id is a foreign key');
SELECT col_is_fk(
    'public',
    'customer_shop_profiles',
    ARRAY['preferred_stylist_id', 'shop_id'],
    'preferred_stylist_id and shop_id together are a foreign key'
);

-- Whether a name is shown with its schema depends on search_path.
SELECT results_eq(
    $$
    SELECT
        c.conname::text COLLATE "default",
        replace(pg_get_constraintdef(c.oid), ' public.', ' ')
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conrelid = 'public.customer_shop_profiles'::regclass
        AND c.contype = 'f'
    ORDER BY c.conname
    $$,
    $$
    VALUES
        (
            'customer_shop_profiles_customer_id_fkey',
            'FOREIGN KEY (customer_id) REFERENCES customers(id) ON DELETE CASCADE'
        ),
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
        )
    $$,
    'these are its foreign keys, with what a deletion does'
);

SELECT is_empty(
    $$
    SELECT c.conname
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conrelid = 'public.customer_shop_profiles'::regclass
        AND NOT c.convalidated
    $$,
    'every constraint is validated'
);

-- Indexes

SELECT indexes_are(
    'public',
    'customer_shop_profiles',
    ARRAY[
        'customer_shop_profiles_pkey',
        'uq_customer_shop_profile',
        'idx_customer_shop_profiles_shop',
        'idx_customer_shop_profiles_customer'
    ],
    'it has the indexes of the ADR and no other'
);
SELECT index_is_unique('public', 'customer_shop_profiles', 'uq_customer_shop_profile', 'that of the key is unique');
SELECT is(
    pg_get_indexdef(to_regclass('public.idx_customer_shop_profiles_shop')),
    'CREATE INDEX idx_customer_shop_profiles_shop ON public.customer_shop_profiles USING btree (shop_id)',
    'one is on shop_id'
);
SELECT is(
    pg_get_indexdef(to_regclass('public.idx_customer_shop_profiles_customer')),
    'CREATE INDEX idx_customer_shop_profiles_customer ON public.customer_shop_profiles USING btree (customer_id)',
    'one is on customer_id'
);
SELECT is_empty(
    $$
    SELECT i.indexrelid::regclass
    FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = 'public.customer_shop_profiles'::regclass
        AND NOT (i.indisvalid AND i.indisready)
    $$,
    'every index is valid'
);

-- What later phases bring is not there yet

SELECT triggers_are('public', 'customer_shop_profiles', '{}'::name[], 'it has no trigger yet');
SELECT policies_are('public', 'customer_shop_profiles', '{}'::name[], 'it has no policy yet');
SELECT is(
    (SELECT c.relrowsecurity FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.customer_shop_profiles'::regclass),
    FALSE,
    'row-level security is not on yet'
);

-- How it is stored

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
