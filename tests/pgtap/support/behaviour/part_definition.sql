-- What a part does is said in the same words to everybody, or the health check of one would find altered what another recorded.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(2);

CREATE TEMPORARY TABLE said AS
SELECT
    p.kind,
    p.oid,
    tenancy.part_definition(p.kind, p.oid) AS definition
FROM tenancy.parts AS p;

SELECT is_empty('SELECT s.kind, s.oid FROM said AS s WHERE s.definition IS NULL', 'each part has a definition');

SET LOCAL search_path = public, tenancy, pg_temp;
SET LOCAL quote_all_identifiers = on;

SELECT is_empty(
    $$
    SELECT
        s.kind,
        s.oid
    FROM pg_temp.said AS s
    WHERE tenancy.part_definition(s.kind, s.oid) IS DISTINCT FROM s.definition
    $$,
    'the same by another search_path, and with quote_all_identifiers'
);

SELECT * FROM finish();

ROLLBACK;
