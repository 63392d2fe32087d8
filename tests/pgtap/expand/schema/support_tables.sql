-- The tables of schema tenancy: one row each, of settings and of progress. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(65);

SELECT has_schema('tenancy', 'schema tenancy exists');

-- settings

SELECT has_table('tenancy', 'settings', 'tenancy.settings exists');
SELECT columns_are(
    'tenancy',
    'settings',
    ARRAY[
        'singleton',
        'default_shop_id',
        'lock_timeout_ms',
        'lock_attempts',
        'backfill_batch_size',
        'replica_lag_limit_bytes',
        'legacy_quiet_period'
    ],
    'settings: columns'
);
SELECT col_type_is('tenancy', 'settings', 'singleton', 'boolean', 'settings: singleton is boolean');
SELECT col_type_is('tenancy', 'settings', 'default_shop_id', 'integer', 'settings: default_shop_id is integer');
SELECT col_type_is('tenancy', 'settings', 'lock_timeout_ms', 'integer', 'settings: lock_timeout_ms is integer');
SELECT col_type_is('tenancy', 'settings', 'lock_attempts', 'integer', 'settings: lock_attempts is integer');
SELECT col_type_is('tenancy', 'settings', 'backfill_batch_size', 'integer', 'settings: backfill_batch_size is integer');
SELECT col_type_is('tenancy', 'settings', 'replica_lag_limit_bytes', 'bigint', 'settings: replica_lag_limit_bytes is bigint');
SELECT col_type_is('tenancy', 'settings', 'legacy_quiet_period', 'interval', 'settings: legacy_quiet_period is interval');
SELECT col_not_null('tenancy', 'settings', 'legacy_quiet_period', 'settings: legacy_quiet_period is NOT NULL');
SELECT col_default_is(
    'tenancy', 'settings', 'legacy_quiet_period', '1 day', 'settings: legacy_quiet_period defaults to a day'
);
SELECT col_not_null('tenancy', 'settings', 'singleton', 'settings: singleton is NOT NULL');
SELECT col_not_null('tenancy', 'settings', 'default_shop_id', 'settings: default_shop_id is NOT NULL');
SELECT col_not_null('tenancy', 'settings', 'lock_timeout_ms', 'settings: lock_timeout_ms is NOT NULL');
SELECT col_not_null('tenancy', 'settings', 'lock_attempts', 'settings: lock_attempts is NOT NULL');
SELECT col_not_null('tenancy', 'settings', 'backfill_batch_size', 'settings: backfill_batch_size is NOT NULL');
SELECT col_not_null('tenancy', 'settings', 'replica_lag_limit_bytes', 'settings: replica_lag_limit_bytes is NOT NULL');
SELECT col_default_is('tenancy', 'settings', 'singleton', 'true', 'settings: singleton defaults to true');
SELECT col_hasnt_default('tenancy', 'settings', 'default_shop_id', 'settings: default_shop_id has no default');
SELECT col_default_is('tenancy', 'settings', 'lock_timeout_ms', '100', 'settings: lock_timeout_ms defaults to 100');
SELECT col_default_is('tenancy', 'settings', 'lock_attempts', '40', 'settings: lock_attempts defaults to 40');
SELECT col_default_is('tenancy', 'settings', 'backfill_batch_size', '5000', 'settings: backfill_batch_size defaults to 5000');
SELECT col_default_is(
    'tenancy',
    'settings',
    'replica_lag_limit_bytes',
    '((64 * 1024) * 1024)',
    'settings: replica_lag_limit_bytes defaults to 64 MB'
);
SELECT results_eq(
    $$
    SELECT
        c.conname::text COLLATE "default",
        pg_get_constraintdef(c.oid)
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conrelid = 'tenancy.settings'::regclass
        AND c.contype <> 'n'
        AND c.convalidated
    ORDER BY c.conname
    $$,
    $$
    VALUES
        ('settings_backfill_batch_size_check', 'CHECK (((backfill_batch_size >= 1) AND (backfill_batch_size <= 100000)))'),
        ('settings_legacy_quiet_period_check', 'CHECK ((legacy_quiet_period >= ''00:00:00''::interval))'),
        ('settings_lock_attempts_check', 'CHECK (((lock_attempts >= 1) AND (lock_attempts <= 1000)))'),
        ('settings_lock_timeout_ms_check', 'CHECK (((lock_timeout_ms >= 1) AND (lock_timeout_ms <= 1000)))'),
        ('settings_pkey', 'PRIMARY KEY (singleton)'),
        ('settings_replica_lag_limit_bytes_check', 'CHECK ((replica_lag_limit_bytes > 0))'),
        ('settings_singleton_check', 'CHECK (singleton)')
    $$,
    'settings: constraints'
);
SELECT indexes_are('tenancy', 'settings', ARRAY['settings_pkey'], 'settings: indexes');
SELECT triggers_are('tenancy', 'settings', '{}'::name[], 'settings: no trigger');
SELECT policies_are('tenancy', 'settings', '{}'::name[], 'settings: no policy');
SELECT is((SELECT count(*) FROM tenancy.settings), 1::bigint, 'settings: one row');
SELECT is(
    (SELECT count(*) FROM public.shops AS s JOIN tenancy.settings AS d ON d.default_shop_id = s.id),
    1::bigint,
    'settings: the default shop exists'
);

-- backfill_progress

SELECT has_table('tenancy', 'backfill_progress', 'tenancy.backfill_progress exists');
SELECT columns_are(
    'tenancy',
    'backfill_progress',
    ARRAY[
        'singleton',
        'last_customer_id',
        'sweeping',
        'paused',
        'customers_estimated',
        'customers_done',
        'profiles_written',
        'started_at',
        'updated_at',
        'finished_at'
    ],
    'backfill_progress: columns'
);
SELECT col_type_is('tenancy', 'backfill_progress', 'singleton', 'boolean', 'backfill_progress: singleton is boolean');
SELECT col_type_is('tenancy', 'backfill_progress', 'last_customer_id', 'integer', 'backfill_progress: last_customer_id is integer');
SELECT col_type_is('tenancy', 'backfill_progress', 'sweeping', 'boolean', 'backfill_progress: sweeping is boolean');
SELECT col_type_is('tenancy', 'backfill_progress', 'paused', 'boolean', 'backfill_progress: paused is boolean');
SELECT col_type_is(
    'tenancy', 'backfill_progress', 'customers_estimated', 'bigint', 'backfill_progress: customers_estimated is bigint'
);
SELECT col_type_is('tenancy', 'backfill_progress', 'customers_done', 'bigint', 'backfill_progress: customers_done is bigint');
SELECT col_type_is('tenancy', 'backfill_progress', 'profiles_written', 'bigint', 'backfill_progress: profiles_written is bigint');
SELECT col_type_is(
    'tenancy', 'backfill_progress', 'started_at', 'timestamp with time zone', 'backfill_progress: started_at is timestamptz'
);
SELECT col_type_is(
    'tenancy', 'backfill_progress', 'updated_at', 'timestamp with time zone', 'backfill_progress: updated_at is timestamptz'
);
SELECT col_type_is(
    'tenancy', 'backfill_progress', 'finished_at', 'timestamp with time zone', 'backfill_progress: finished_at is timestamptz'
);
SELECT col_not_null('tenancy', 'backfill_progress', 'singleton', 'backfill_progress: singleton is NOT NULL');
SELECT col_is_null('tenancy', 'backfill_progress', 'last_customer_id', 'backfill_progress: last_customer_id may be NULL');
SELECT col_not_null('tenancy', 'backfill_progress', 'sweeping', 'backfill_progress: sweeping is NOT NULL');
SELECT col_not_null('tenancy', 'backfill_progress', 'paused', 'backfill_progress: paused is NOT NULL');
SELECT col_not_null('tenancy', 'backfill_progress', 'customers_estimated', 'backfill_progress: customers_estimated is NOT NULL');
SELECT col_not_null('tenancy', 'backfill_progress', 'customers_done', 'backfill_progress: customers_done is NOT NULL');
SELECT col_not_null('tenancy', 'backfill_progress', 'profiles_written', 'backfill_progress: profiles_written is NOT NULL');
SELECT col_is_null('tenancy', 'backfill_progress', 'started_at', 'backfill_progress: started_at may be NULL');
SELECT col_is_null('tenancy', 'backfill_progress', 'updated_at', 'backfill_progress: updated_at may be NULL');
SELECT col_is_null('tenancy', 'backfill_progress', 'finished_at', 'backfill_progress: finished_at may be NULL');
SELECT col_default_is('tenancy', 'backfill_progress', 'singleton', 'true', 'backfill_progress: singleton defaults to true');
SELECT col_hasnt_default('tenancy', 'backfill_progress', 'last_customer_id', 'backfill_progress: last_customer_id has no default');
SELECT col_default_is('tenancy', 'backfill_progress', 'sweeping', 'false', 'backfill_progress: sweeping defaults to false');
SELECT col_default_is('tenancy', 'backfill_progress', 'paused', 'false', 'backfill_progress: paused defaults to false');
SELECT col_default_is(
    'tenancy', 'backfill_progress', 'customers_estimated', '0', 'backfill_progress: customers_estimated defaults to 0'
);
SELECT col_default_is('tenancy', 'backfill_progress', 'customers_done', '0', 'backfill_progress: customers_done defaults to 0');
SELECT col_default_is('tenancy', 'backfill_progress', 'profiles_written', '0', 'backfill_progress: profiles_written defaults to 0');
SELECT results_eq(
    $$
    SELECT
        c.conname::text COLLATE "default",
        pg_get_constraintdef(c.oid)
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conrelid = 'tenancy.backfill_progress'::regclass
        AND c.contype <> 'n'
        AND c.convalidated
    ORDER BY c.conname
    $$,
    $$
    VALUES
        ('backfill_progress_pkey', 'PRIMARY KEY (singleton)'),
        ('backfill_progress_singleton_check', 'CHECK (singleton)')
    $$,
    'backfill_progress: constraints'
);
SELECT indexes_are('tenancy', 'backfill_progress', ARRAY['backfill_progress_pkey'], 'backfill_progress: indexes');
SELECT triggers_are('tenancy', 'backfill_progress', '{}'::name[], 'backfill_progress: no trigger');
SELECT policies_are('tenancy', 'backfill_progress', '{}'::name[], 'backfill_progress: no policy');
SELECT is((SELECT count(*) FROM tenancy.backfill_progress), 1::bigint, 'backfill_progress: one row');
SELECT ok(
    (SELECT b.finished_at IS NOT NULL AND b.sweeping FROM tenancy.backfill_progress AS b),
    'backfill_progress: the backfill is finished'
);

SELECT * FROM finish();

ROLLBACK;
