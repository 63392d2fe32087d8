-- Sessions of this database by application, but for this one; NULL for those whose application this role may not see.
SELECT
    CASE WHEN pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_read_all_stats', 'USAGE') THEN a.application_name END AS name,
    count(*) AS sessions,
    count(*) FILTER (WHERE a.xact_start IS NOT NULL) AS in_transaction
FROM pg_stat_activity AS a
WHERE a.datname = current_database()
    AND a.backend_type = 'client backend'
    AND a.pid <> pg_backend_pid()
GROUP BY 1
ORDER BY
    in_transaction DESC,
    sessions DESC,
    name;
