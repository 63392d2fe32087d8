-- From when on the gate of phase 3 (deploy/contract/gate.sql) finds neither a writer nor a watch that is too short: the one rule for
-- the health check, its metric, the report and the status.
SELECT
    w.since,
    w.gap,
    floor(extract(EPOCH FROM now() - w.since) / 3600)::integer AS hours,
    s.legacy_quiet_period::text AS quiet_period,
    q.over_at,
    q.over_at <= now() AS is_over
FROM tenancy.watch AS w
CROSS JOIN tenancy.settings AS s
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN s.legacy_quiet_period = '0' THEN now()
            WHEN w.gap IS NULL
                THEN
                    greatest(w.since, (SELECT max(l.last_at) + interval '5 minutes' FROM tenancy.legacy_writers AS l))
                    + s.legacy_quiet_period
        END AS over_at
) AS q;
