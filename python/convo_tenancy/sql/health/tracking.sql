-- The triggers that note who changes, and whether a script works with them now.
SELECT
    count(*) AS trigger_count,
    (
        SELECT count(*) > 0
        FROM tenancy.changes AS c
        JOIN pg_catalog.pg_stat_activity AS a ON a.pid = c.open_pid
    ) AS is_at_work
FROM tenancy.tracking;
