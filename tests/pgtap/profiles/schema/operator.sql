-- What an operator reads of the profiles beside the table: how far the backfill is, and drift. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(4);

\ir ../../helpers/tables.sql

SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.backfill_progress')$$,
    $$
    VALUES
        ('singleton', 'boolean', TRUE, 'true'),
        ('last_customer_id', 'integer', FALSE, NULL),
        ('sweeping', 'boolean', TRUE, 'false'),
        ('paused', 'boolean', TRUE, 'false'),
        ('customers_estimated', 'bigint', TRUE, '0'),
        ('customers_done', 'bigint', TRUE, '0'),
        ('profiles_written', 'bigint', TRUE, '0'),
        ('started_at', 'timestamp with time zone', FALSE, NULL),
        ('updated_at', 'timestamp with time zone', FALSE, NULL),
        ('finished_at', 'timestamp with time zone', FALSE, NULL),
        ('runner_pid', 'integer', FALSE, NULL),
        ('runner_key', 'bigint', FALSE, NULL)
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
