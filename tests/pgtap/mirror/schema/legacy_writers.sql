-- Who still writes to the legacy side, as an operator reads it. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(4);

\ir ../../helpers/tables.sql

SELECT results_eq(
    $$SELECT c.name, c.type FROM pg_temp.columns_of('tenancy.legacy_writers') AS c$$,
    $$
    VALUES
        ('application_name', 'text'),
        ('role_name', 'text'),
        ('writes', 'bigint'),
        ('first_at', 'timestamp with time zone'),
        ('last_at', 'timestamp with time zone')
    $$,
    'legacy_writers: columns'
);
SELECT results_eq(
    $$SELECT c.name, c.type FROM pg_temp.columns_of('tenancy.legacy_writers_by_shop') AS c$$,
    $$
    VALUES
        ('shop_id', 'integer'),
        ('application_name', 'text'),
        ('role_name', 'text'),
        ('writes', 'bigint'),
        ('first_at', 'timestamp with time zone'),
        ('last_at', 'timestamp with time zone')
    $$,
    'legacy_writers_by_shop: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.legacy_writes')$$,
    $$
    VALUES
        ('id', 'bigint', TRUE, 'identity'),
        ('application_name', 'text', TRUE, NULL),
        ('role_name', 'text', TRUE, NULL),
        ('shop_id', 'integer', FALSE, NULL),
        ('written_at', 'timestamp with time zone', TRUE, NULL)
    $$,
    'legacy_writes: columns'
);
SELECT is(
    pg_get_indexdef(to_regclass('tenancy.legacy_writes_writer_idx')),
    'CREATE INDEX legacy_writes_writer_idx ON tenancy.legacy_writes USING btree '
    '(application_name, role_name, COALESCE(shop_id, 0), written_at)',
    'legacy_writes: a writer''s last row is found by index'
);

SELECT * FROM finish();

ROLLBACK;
