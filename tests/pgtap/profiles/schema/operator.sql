-- What an operator reads of the profiles beside the table: how far the backfill is, and drift. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(9);

\ir ../../helpers/tables.sql

SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.backfill_progress')$$,
    $$
    VALUES
        ('singleton', 'boolean', TRUE, 'true'),
        ('sweeping', 'boolean', TRUE, 'false'),
        ('paused', 'boolean', TRUE, 'false'),
        ('customers_estimated', 'bigint', TRUE, '0'),
        ('customers_done', 'bigint', TRUE, '0'),
        ('profiles_written', 'bigint', TRUE, '0'),
        ('started_at', 'timestamp with time zone', FALSE, NULL),
        ('updated_at', 'timestamp with time zone', FALSE, NULL),
        ('finished_at', 'timestamp with time zone', FALSE, NULL)
    $$,
    'backfill_progress: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.constraints_of('tenancy.backfill_progress')$$,
    $$
    VALUES
        ('backfill_progress_pkey', 'PRIMARY KEY (singleton)'),
        ('backfill_progress_singleton_check', 'CHECK (singleton)')
    $$,
    'backfill_progress: constraints'
);
SELECT results_eq(
    'SELECT b.finished_at IS NOT NULL AND b.sweeping FROM tenancy.backfill_progress AS b',
    ARRAY[TRUE],
    'backfill_progress: one row, and the backfill is finished'
);

SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.backfill_ranges')$$,
    $$
    VALUES
        ('first_id', 'integer', TRUE, NULL),
        ('last_id', 'integer', TRUE, NULL),
        ('next_id', 'bigint', TRUE, NULL)
    $$,
    'backfill_ranges: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.constraints_of('tenancy.backfill_ranges')$$,
    $$VALUES ('backfill_ranges_pkey', 'PRIMARY KEY (first_id)')$$,
    'backfill_ranges: constraints'
);
SELECT results_eq(
    'SELECT min(r.first_id), max(r.last_id), sum(r.last_id::bigint - r.first_id + 1), bool_and(r.next_id = r.first_id) '
    'FROM tenancy.backfill_ranges AS r',
    'VALUES (-2147483648, 2147483647, 4294967296::numeric, TRUE)',
    'backfill_ranges: every id is in one of them, and the next pass begins each anew'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.backfill_workers')$$,
    $$VALUES ('pid', 'integer', TRUE, NULL), ('key', 'bigint', TRUE, NULL)$$,
    'backfill_workers: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.constraints_of('tenancy.backfill_workers')$$,
    $$VALUES ('backfill_workers_pkey', 'PRIMARY KEY (pid)')$$,
    'backfill_workers: constraints'
);

-- While there is a legacy side
SELECT results_eq(
    $$SELECT c.name, c.type FROM pg_temp.columns_of('tenancy.drift') AS c$$,
    $$
    SELECT e.*
    FROM (
        VALUES ('kind', 'text'), ('customer_id', 'integer'), ('shop_id', 'integer'), ('legacy_value', 'text'), ('profile_value', 'text')
    ) AS e (name, type)
    WHERE tenancy.has_legacy_side()
    $$,
    'drift: columns'
);

SELECT * FROM finish();

ROLLBACK;
