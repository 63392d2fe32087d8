-- $1 or, if it is null, the setting; and the time since which nobody must have written.
SELECT
    p.period::text AS period,
    p.period < interval '0' AS is_negative,
    (now() - p.period)::text AS since
FROM (
    SELECT coalesce($1::interval, s.legacy_quiet_period) AS period -- noqa: CP03,LT01,LT06
    FROM tenancy.settings AS s
) AS p;
