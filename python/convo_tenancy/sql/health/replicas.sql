-- Who follows this server; the slots that keep WAL while nobody reads it, and those that are lost; and this server itself, if it is a
-- standby. Where this role may not see how far a standby is, its state is NULL.
WITH server AS (
    SELECT
        pg_is_in_recovery() AS is_standby,
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn
)

SELECT
    concat_ws(' at ', nullif(r.application_name, ''), host(r.client_addr))
    || CASE
        WHEN count(*) OVER (PARTITION BY r.application_name, r.client_addr) > 1 THEN ' (pid ' || r.pid || ')'
        ELSE ''
    END AS name,
    'standby' AS kind,
    r.state,
    TRUE AS is_active,
    greatest(pg_wal_lsn_diff(s.lsn, r.replay_lsn), 0)::bigint AS lag_bytes,
    extract(EPOCH FROM r.replay_lag)::double precision AS lag_seconds
FROM pg_stat_replication AS r
CROSS JOIN server AS s
WHERE r.state IS DISTINCT FROM 'backup'
UNION ALL
SELECT
    p.slot_name::text,
    'slot',
    coalesce(p.wal_status, 'unused'),
    p.active,
    greatest(pg_wal_lsn_diff(s.lsn, p.restart_lsn), 0)::bigint,
    NULL
FROM pg_replication_slots AS p
CROSS JOIN server AS s
WHERE NOT p.active
UNION ALL
SELECT
    'this server',
    'this server',
    CASE WHEN r.is_receiving THEN 'streaming' ELSE 'not streaming' END,
    r.is_receiving,
    greatest(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), s.lsn), 0)::bigint,
    CASE
        WHEN r.is_receiving AND pg_last_wal_receive_lsn() = s.lsn THEN 0
        ELSE extract(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END::double precision
FROM server AS s
CROSS JOIN (SELECT count(*) > 0 AS is_receiving FROM pg_stat_wal_receiver) AS r
WHERE s.is_standby
ORDER BY
    kind,
    name;
