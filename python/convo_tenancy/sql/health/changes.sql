SELECT
    c.change,
    c.tag,
    c.state,
    c.open_pid,
    c.open_key,
    c.standing_since
FROM tenancy.changes AS c
ORDER BY c.position;
