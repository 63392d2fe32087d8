-- Who gets session_replication_role = replica, for whom triggers that are enabled as usual do not fire.
WITH given (role_name, database_name, setting) AS (
    SELECT
        quote_ident(r.rolname),
        quote_ident(d.datname),
        c.setting
    FROM pg_db_role_setting AS s
    CROSS JOIN unnest(s.setconfig) AS c (setting)
    LEFT JOIN pg_roles AS r ON r.oid = s.setrole
    LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
    WHERE s.setdatabase = 0
        OR d.datname = current_database()
),

server (setting) AS (
    SELECT s.name || '=' || s.setting
    FROM pg_settings AS s
    WHERE s.source IN ('configuration file', 'command line', 'environment variable')
)

SELECT
    g.role_name IS NULL AS is_everybody,
    CASE
        WHEN g.role_name IS NULL THEN 'everybody in this database'
        WHEN g.database_name IS NULL THEN 'role ' || g.role_name
        ELSE 'role ' || g.role_name || ' in this database'
    END AS who,
    CASE
        WHEN g.role_name IS NULL THEN 'ALTER DATABASE ' || g.database_name
        ELSE concat_ws(' IN DATABASE ', 'ALTER ROLE ' || g.role_name, g.database_name)
    END || ' RESET session_replication_role' AS remedy
FROM given AS g
WHERE lower(g.setting COLLATE pg_catalog."C") = 'session_replication_role=replica'
UNION ALL
SELECT
    TRUE,
    'everybody on this server',
    'take session_replication_role out of the server''s configuration'
FROM server AS s
WHERE s.setting = 'session_replication_role=replica'
ORDER BY 2;
