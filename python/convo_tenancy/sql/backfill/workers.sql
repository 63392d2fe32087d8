SELECT
    s.pid,
    a.usename::text AS role_name,
    nullif(a.application_name, '') AS application_name
FROM tenancy.backfill_sessions AS s
LEFT JOIN pg_stat_activity AS a ON a.pid = s.pid
ORDER BY s.pid;
