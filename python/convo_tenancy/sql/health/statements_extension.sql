-- Where pg_stat_statements is; the next query then finds it without its schema.
SELECT
    set_config('search_path', 'pg_catalog, ' || quote_ident(n.nspname), TRUE) AS search_path,
    pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements';
