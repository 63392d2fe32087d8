-- Where pg_stat_statements is, and whether this role sees the statements of all.
SELECT
    n.nspname::text AS schema_name,
    pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements';
