-- Open transactions of this database that hold a snapshot, have written, or have locked a table of ours, but for autovacuum, which
-- gives way; $1: our tables in public. Of a session that this role may not look at, nothing but the pid, who it is, and the locks: state is then NULL.
WITH ours AS MATERIALIZED (
    SELECT
        c.oid,
        format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
        AND (
            n.nspname IN ('tenancy', 'tenancy_archive')
            OR (
                n.nspname = 'public'
                AND c.relname IN (SELECT unnest($1::text[]))
            )
        )
),

locked AS MATERIALIZED (
    SELECT
        l.pid,
        array_agg(DISTINCT o.name) AS tables
    FROM pg_locks AS l
    JOIN ours AS o ON o.oid = l.relation
    WHERE l.granted
        AND l.locktype = 'relation'
        AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND l.pid <> pg_backend_pid()
    GROUP BY l.pid
)

SELECT
    a.pid,
    a.usename::text AS role_name,
    coalesce(a.application_name, '') AS application_name,
    a.state,
    extract(EPOCH FROM clock_timestamp() - a.xact_start)::double precision AS seconds,
    a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL AS holds_snapshot,
    coalesce(k.tables, '{}') AS tables
FROM pg_stat_activity AS a
LEFT JOIN locked AS k ON k.pid = a.pid
WHERE a.datname = current_database()
    AND a.pid <> pg_backend_pid()
    AND (a.backend_type IS NULL OR a.backend_type NOT IN ('autovacuum worker', 'parallel worker', 'walsender'))
    AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL OR k.pid IS NOT NULL)
ORDER BY
    a.xact_start,
    a.pid
LIMIT 100;
