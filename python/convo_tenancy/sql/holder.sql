-- Who holds the advisory lock with this key ($1), if it is this session ($2; NULL: any): everybody can read a key, and hold it. As
-- tenancy.held_keys has it, which need not be there yet. The halves of a bigint key are two columns of pg_locks.
SELECT
    l.pid,
    a.usename::text AS role_name,
    nullif(a.application_name, '') AS application_name
FROM pg_locks AS l
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory'
    AND l.granted
    AND l.objsubid = 1
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND l.pid = coalesce($2, l.pid)
    AND (l.classid::bigint << 32) + l.objid::bigint = $1; -- noqa: LT01,LT06,CP03
