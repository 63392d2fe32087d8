-- The sessions of this database that wait for a lock, the longest first, with whom they wait for; $1: our tables in public. Who waits for a row waits for a
-- transaction, and meanwhile holds the row itself (a tuple's lock), or has locked the table for its writes.
WITH ours AS MATERIALIZED (
    SELECT
        c.oid,
        n.nspname IN ('tenancy', 'tenancy_archive') OR (
            n.nspname = 'public'
            AND c.relname IN (SELECT unnest($1::text[]))
        ) AS is_ours,
        format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
),

locks AS MATERIALIZED (
    SELECT l.*
    FROM pg_locks AS l
    WHERE l.database IS NULL
        OR l.database = 0
        OR l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
),

waiting AS MATERIALIZED (
    SELECT
        l.pid,
        a.usename::text AS role_name,
        coalesce(a.application_name, '') AS application_name,
        l.mode,
        l.locktype IN ('transactionid', 'tuple', 'spectoken') AS is_row,
        l.relation,
        extract(EPOCH FROM clock_timestamp() - coalesce(l.waitstart, clock_timestamp()))::double precision AS seconds
    FROM locks AS l
    JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE NOT l.granted
        AND a.datname = current_database()
    ORDER BY l.waitstart
    LIMIT 100
)

SELECT
    w.pid,
    w.role_name,
    w.application_name,
    w.mode,
    w.is_row,
    t.name AS table_name,
    coalesce(t.is_ours, FALSE) AS is_ours,
    w.seconds,
    coalesce(b.pids, '{}') AS blocked_by
FROM waiting AS w
LEFT JOIN LATERAL (
    SELECT
        o.name,
        o.is_ours
    FROM locks AS l
    JOIN ours AS o ON o.oid = l.relation
    WHERE l.pid = w.pid
        AND (
            l.relation = w.relation
            OR (
                w.relation IS NULL
                AND l.granted
                AND (l.locktype = 'tuple' OR l.mode <> 'AccessShareLock')
            )
        )
    ORDER BY
        l.locktype <> 'tuple',
        NOT o.is_ours,
        o.name
    LIMIT 1
) AS t ON TRUE
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT p.pid) AS pids
    FROM unnest(pg_blocking_pids(w.pid)) AS p (pid)
) AS b
ORDER BY
    w.seconds DESC,
    w.pid;
