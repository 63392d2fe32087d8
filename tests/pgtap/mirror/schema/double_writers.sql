-- Who writes both sides, as an operator reads it. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(2);

\ir ../../helpers/tables.sql

SELECT results_eq(
    $$SELECT c.name, c.type FROM pg_temp.columns_of('tenancy.double_writers') AS c$$,
    $$
    VALUES
        ('application_name', 'text'),
        ('role_name', 'text'),
        ('kind', 'text'),
        ('writes', 'bigint'),
        ('first_at', 'timestamp with time zone'),
        ('last_at', 'timestamp with time zone'),
        ('customer_id', 'integer')
    $$,
    'double_writers: columns'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.columns_of('tenancy.double_writes')$$,
    $$
    VALUES
        ('id', 'bigint', TRUE, 'identity'),
        ('application_name', 'text', TRUE, NULL),
        ('role_name', 'text', TRUE, NULL),
        ('kind', 'text', TRUE, NULL),
        ('customer_id', 'integer', TRUE, NULL),
        ('written_at', 'timestamp with time zone', TRUE, NULL)
    $$,
    'double_writes: columns'
);

SELECT * FROM finish();

ROLLBACK;
