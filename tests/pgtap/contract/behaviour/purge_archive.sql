-- The end of the archive, on explicit confirmation only.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(9);

SELECT
    throws_ok(
        format('SELECT tenancy.purge_archive(%L)', w.word),
        '22023',
        NULL,
        format('confirmed by %s: refused', coalesce(w.word, 'NULL'))
    )
FROM (VALUES (1, 'yes'), (2, ''), (3, NULL)) AS w (position, word)
ORDER BY w.position;
SELECT has_table('tenancy_archive', 'customer_booking_stats', 'nothing was deleted: customer_booking_stats');
SELECT has_table('tenancy_archive', 'customers', 'nor customers');

CREATE TEMPORARY TABLE before ON COMMIT DROP AS
SELECT
    c.oid,
    c.relname
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace IN ('public'::regnamespace, 'tenancy'::regnamespace);

SELECT lives_ok('SELECT tenancy.purge_archive(current_database())', 'confirmed by the name of the database');
SELECT hasnt_schema('tenancy_archive', 'the archive is gone');
SELECT set_eq(
    $$
    SELECT
        c.oid,
        c.relname
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace IN ('public'::regnamespace, 'tenancy'::regnamespace)
    $$,
    'SELECT * FROM before',
    'and nothing else'
);
SELECT lives_ok('SELECT tenancy.purge_archive(current_database())', 'again: there is nothing to do');

SELECT * FROM finish();

ROLLBACK;
