-- Settings and progress: one row each, and no value that would stall the application or never end.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(27);

SELECT throws_ok(
    'INSERT INTO tenancy.settings (default_shop_id) VALUES (1)', '23505', NULL, 'settings: a second row is refused'
);
SELECT throws_ok(
    'INSERT INTO tenancy.settings (singleton, default_shop_id) VALUES (FALSE, 1)',
    '23514',
    NULL,
    'settings: singleton cannot be false'
);
SELECT
    throws_ok(
        format('UPDATE tenancy.settings SET %I = %s', e.name, e.value),
        e.sqlstate,
        NULL,
        format('settings: %s cannot be %s', e.name, e.value)
    )
FROM (
    VALUES
    (1, 'singleton', 'FALSE', '23514'),
    (2, 'singleton', 'NULL', '23502'),
    (3, 'default_shop_id', 'NULL', '23502'),
    (4, 'lock_timeout_ms', 'NULL', '23502'),
    (5, 'lock_timeout_ms', '0', '23514'),
    (6, 'lock_timeout_ms', '1001', '23514'),
    (7, 'lock_timeout_ms', '-1', '23514'),
    (8, 'lock_attempts', 'NULL', '23502'),
    (9, 'lock_attempts', '0', '23514'),
    (10, 'lock_attempts', '1001', '23514'),
    (11, 'backfill_batch_size', 'NULL', '23502'),
    (12, 'backfill_batch_size', '0', '23514'),
    (13, 'backfill_batch_size', '100001', '23514'),
    (14, 'replica_lag_limit_bytes', 'NULL', '23502'),
    (15, 'replica_lag_limit_bytes', '0', '23514'),
    (16, 'legacy_quiet_period', '''-1 second''', '23514')
) AS e (position, name, value, sqlstate)
ORDER BY e.position;
SELECT
    lives_ok(
        format('UPDATE tenancy.settings SET %I = %s', e.name, e.value),
        format('settings: %s can be %s', e.name, e.value)
    )
FROM (
    VALUES
    (1, 'lock_timeout_ms', '1'),
    (2, 'lock_timeout_ms', '1000'),
    (3, 'lock_attempts', '1'),
    (4, 'lock_attempts', '1000'),
    (5, 'backfill_batch_size', '1'),
    (6, 'backfill_batch_size', '100000'),
    (7, 'replica_lag_limit_bytes', '1')
) AS e (position, name, value)
ORDER BY e.position;
SELECT throws_ok(
    'INSERT INTO tenancy.backfill_progress (singleton) VALUES (TRUE)', '23505', NULL, 'progress: a second row is refused'
);
SELECT throws_ok(
    'INSERT INTO tenancy.backfill_progress (singleton) VALUES (FALSE)', '23514', NULL, 'progress: singleton cannot be false'
);

SELECT * FROM finish();

ROLLBACK;
