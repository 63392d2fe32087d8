SELECT
    p.gid,
    p.owner::text AS role_name,
    p.prepared AS prepared_at,
    extract(EPOCH FROM clock_timestamp() - p.prepared)::double precision AS seconds
FROM pg_prepared_xacts AS p
WHERE p.database = current_database()
ORDER BY p.prepared
LIMIT 100;
