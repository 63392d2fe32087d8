-- The sessions with these pids ($1), of this database or another.
SELECT
    a.pid,
    a.usename::text AS role_name,
    coalesce(a.application_name, '') AS application_name,
    a.state,
    extract(EPOCH FROM clock_timestamp() - a.xact_start)::double precision AS seconds,
    a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL AS holds_snapshot,
    '{}'::text[] AS tables
FROM pg_stat_activity AS a
WHERE a.pid IN (SELECT unnest($1::integer[]))
ORDER BY a.pid;
