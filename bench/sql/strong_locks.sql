-- Who has or awaits the strongest lock on these tables: table, process, whether it has it.
SELECT
    l.relation::bigint,
    l.pid,
    l.granted
FROM pg_catalog.pg_locks AS l
WHERE l.locktype = 'relation'
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
    AND l.mode = 'AccessExclusiveLock'
    AND l.relation = ANY ($1); -- noqa: CP03,LT01,LT06
