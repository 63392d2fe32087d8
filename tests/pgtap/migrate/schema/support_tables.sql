-- The tables of schema tenancy that phase 2 adds: the log of legacy writes, the comments that "deprecated" took the place of, the
-- parts of the dual write as they were deployed. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(19);

-- Columns of a table, as psql's \d shows them.
CREATE FUNCTION pg_temp.columns_of(wanted regclass)
RETURNS TABLE (name text, type text, is_required boolean, fallback text)
LANGUAGE sql
AS $$
    SELECT
        a.attname::text COLLATE "default",
        format_type(a.atttypid, a.atttypmod),
        a.attnotnull,
        CASE
            WHEN a.attidentity = 'a' THEN 'identity'
            ELSE pg_get_expr(d.adbin, d.adrelid)
        END
    FROM pg_catalog.pg_attribute AS a
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = wanted
        AND a.attnum > 0
        AND NOT a.attisdropped
    ORDER BY a.attnum;
$$;

-- Its constraints, all validated.
CREATE FUNCTION pg_temp.constraints_of(wanted regclass)
RETURNS TABLE (name text, definition text)
LANGUAGE sql
AS $$
    SELECT
        c.conname::text COLLATE "default",
        pg_get_constraintdef(c.oid)
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conrelid = wanted
        AND c.contype <> 'n'
        AND c.convalidated
    ORDER BY c.conname;
$$;

SELECT tables_are(
    'tenancy',
    ARRAY['settings', 'backfill_progress', 'legacy_writes', 'earlier_comments', 'deployed_parts'],
    'the tables of tenancy'
);
SELECT sequences_are('tenancy', ARRAY['legacy_writes_id_seq'], 'and its one sequence');

-- legacy_writes

SELECT has_table('tenancy', 'legacy_writes', 'tenancy.legacy_writes exists');
SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.legacy_writes')$$,
    $$
    VALUES
        ('id', 'bigint', TRUE, 'identity'),
        ('application_name', 'text', TRUE, NULL),
        ('role_name', 'text', TRUE, NULL),
        ('writes', 'bigint', TRUE, NULL),
        ('written_at', 'timestamp with time zone', TRUE, NULL)
    $$,
    'legacy_writes: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.constraints_of('tenancy.legacy_writes')$$,
    $$VALUES ('legacy_writes_pkey', 'PRIMARY KEY (id)')$$,
    'legacy_writes: constraints'
);
SELECT indexes_are(
    'tenancy', 'legacy_writes', ARRAY['legacy_writes_pkey', 'legacy_writes_writer_idx'], 'legacy_writes: indexes'
);
SELECT is(
    pg_get_indexdef(to_regclass('tenancy.legacy_writes_writer_idx')),
    'CREATE INDEX legacy_writes_writer_idx ON tenancy.legacy_writes USING btree (application_name, role_name, written_at)',
    'legacy_writes: a writer''s last row is found by index'
);
SELECT triggers_are('tenancy', 'legacy_writes', '{}'::name[], 'legacy_writes: no trigger');
SELECT policies_are('tenancy', 'legacy_writes', '{}'::name[], 'legacy_writes: no policy');

-- earlier_comments

SELECT has_table('tenancy', 'earlier_comments', 'tenancy.earlier_comments exists');
SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.earlier_comments')$$,
    $$
    VALUES
        ('object_name', 'text', TRUE, NULL),
        ('comment', 'text', FALSE, NULL)
    $$,
    'earlier_comments: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.constraints_of('tenancy.earlier_comments')$$,
    $$VALUES ('earlier_comments_pkey', 'PRIMARY KEY (object_name)')$$,
    'earlier_comments: constraints'
);
SELECT indexes_are('tenancy', 'earlier_comments', ARRAY['earlier_comments_pkey'], 'earlier_comments: indexes');
SELECT triggers_are('tenancy', 'earlier_comments', '{}'::name[], 'earlier_comments: no trigger');
SELECT policies_are('tenancy', 'earlier_comments', '{}'::name[], 'earlier_comments: no policy');
SELECT set_eq(
    'SELECT object_name FROM tenancy.earlier_comments',
    ARRAY[
        'TABLE public.customer_booking_stats',
        'COLUMN public.customers.preferred_stylist_id',
        'COLUMN public.customers.average_spend_cents',
        'COLUMN public.customers.no_show_count'
    ],
    'earlier_comments: all that is deprecated'
);

-- deployed_parts

SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.deployed_parts')$$,
    $$
    VALUES
        ('name', 'text', TRUE, NULL),
        ('fingerprint', 'text', TRUE, NULL)
    $$,
    'deployed_parts: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.constraints_of('tenancy.deployed_parts')$$,
    $$VALUES ('deployed_parts_pkey', 'PRIMARY KEY (name)')$$,
    'deployed_parts: constraints'
);
SELECT set_eq(
    $$SELECT replace(d.name, 'public.', '') FROM tenancy.deployed_parts AS d$$,
    'SELECT p.name FROM tenancy.dual_write_parts AS p',
    'deployed_parts: all that there is'
);

SELECT * FROM finish();

ROLLBACK;
