-- From when on the gate of phase 3 (deploy/contract/gate.sql) finds neither a writer nor a watch that is too short.
SELECT
    w.since,
    s.legacy_quiet_period::text AS quiet_period,
    CASE
        WHEN s.legacy_quiet_period = '0' THEN now()
        WHEN w.gap IS NULL THEN greatest(w.since, (SELECT max(l.last_at) + interval '5 minutes' FROM tenancy.legacy_writers AS l))
            + s.legacy_quiet_period
    END AS over_at
FROM tenancy.watch AS w
CROSS JOIN tenancy.settings AS s;
