-- The tables of schema tenancy that an operator reads, or writes: settings, changes, deployed_parts. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(8);

\ir ../../helpers/tables.sql

SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.settings')$$,
    $$
    VALUES
        ('singleton', 'boolean', TRUE, 'true'),
        ('default_shop_id', 'integer', TRUE, NULL),
        ('lock_timeout_ms', 'integer', TRUE, '100'),
        ('lock_attempts', 'integer', TRUE, '40'),
        ('backfill_batch_size', 'integer', TRUE, '5000'),
        ('replica_lag_limit_bytes', 'bigint', TRUE, '((64 * 1024) * 1024)'),
        ('legacy_quiet_period', 'interval', TRUE, '''1 day''::interval'),
        ('introductions_per_hour', 'integer', TRUE, '100'),
        ('registry', 'name', TRUE, '''sqitch''::name')
    $$,
    'settings: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.constraints_of('tenancy.settings')$$,
    $$
    VALUES
        ('settings_backfill_batch_size_check', 'CHECK (((backfill_batch_size >= 1) AND (backfill_batch_size <= 100000)))'),
        ('settings_default_shop_id_fkey', 'FOREIGN KEY (default_shop_id) REFERENCES shops(id)'),
        (
            'settings_introductions_per_hour_check',
            'CHECK (((introductions_per_hour >= 1) AND (introductions_per_hour <= 1000000)))'
        ),
        ('settings_legacy_quiet_period_check', 'CHECK ((legacy_quiet_period >= ''00:00:00''::interval))'),
        ('settings_lock_attempts_check', 'CHECK (((lock_attempts >= 1) AND (lock_attempts <= 1000)))'),
        ('settings_lock_timeout_ms_check', 'CHECK (((lock_timeout_ms >= 1) AND (lock_timeout_ms <= 1000)))'),
        ('settings_pkey', 'PRIMARY KEY (singleton)'),
        ('settings_replica_lag_limit_bytes_check', 'CHECK ((replica_lag_limit_bytes > 0))'),
        ('settings_singleton_check', 'CHECK (singleton)')
    $$,
    'settings: constraints'
);
SELECT is((SELECT count(*) FROM tenancy.settings), 1::bigint, 'settings: one row');
SELECT is(
    (SELECT count(*) FROM public.shops AS s JOIN tenancy.settings AS d ON d.default_shop_id = s.id),
    1::bigint,
    'settings: the default shop exists'
);

SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.changes')$$,
    $$
    VALUES
        ('position', 'integer', TRUE, NULL),
        ('change', 'text', TRUE, NULL),
        ('tag', 'text', FALSE, NULL),
        ('is_repeatable', 'boolean', TRUE, 'false'),
        ('state', 'text', TRUE, '''absent''::text'),
        ('standing_since', 'timestamp with time zone', FALSE, NULL),
        ('open_pid', 'integer', FALSE, NULL),
        ('open_key', 'bigint', FALSE, NULL)
    $$,
    'changes: columns'
);
SELECT results_eq(
    $$SELECT c.name FROM pg_temp.constraints_of('tenancy.changes') AS c$$,
    ARRAY['changes_change_key', 'changes_pkey', 'changes_standing_since_check', 'changes_state_check'],
    'changes: constraints'
);

SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.deployed_parts')$$,
    $$
    VALUES
        ('kind', 'text', TRUE, NULL),
        ('name', 'text', TRUE, NULL),
        ('change', 'text', TRUE, NULL),
        ('fingerprint', 'text', TRUE, NULL),
        ('definition', 'text', FALSE, NULL),
        ('is_there', 'boolean', TRUE, 'true'),
        ('superseded', 'text[]', TRUE, '''{}''::text[]'),
        ('server_version', 'integer', TRUE, '((current_setting(''server_version_num''::text))::integer / 10000)')
    $$,
    'deployed_parts: columns'
);
SELECT results_eq(
    $$SELECT c.name, c.type FROM pg_temp.columns_of('tenancy.part_problems') AS c$$,
    $$VALUES ('kind', 'text'), ('name', 'text'), ('change', 'text'), ('definition', 'text'), ('problem', 'text')$$,
    'part_problems: columns'
);

SELECT * FROM finish();

ROLLBACK;
