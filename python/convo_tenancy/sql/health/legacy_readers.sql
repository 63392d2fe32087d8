-- Statements that name the legacy side, by role.
SELECT
    r.role_name,
    count(*) AS statements,
    sum(r.calls)::bigint AS calls,
    (array_agg(r.statement ORDER BY r.calls DESC, r.statement))[1] AS example,
    min(r.counted_since) AS counted_since
FROM tenancy.legacy_readers() AS r
GROUP BY r.role_name
ORDER BY
    calls DESC,
    r.role_name;
