-- The tables put aside, from the catalogs alone.
SELECT
    c.relname::text AS name,
    coalesce(pg_total_relation_size(c.oid), 0) AS bytes -- NULL where it is dropped at this moment
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'tenancy_archive'
    AND c.relkind IN ('r', 'p')
ORDER BY c.relname;
