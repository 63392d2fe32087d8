SELECT
    w.since,
    w.gap,
    floor(extract(EPOCH FROM now() - w.since) / 3600)::integer AS hours,
    s.legacy_quiet_period::text AS quiet_period,
    w.since + s.legacy_quiet_period AS over_at,
    w.since + s.legacy_quiet_period <= now() AS is_over
FROM tenancy.watch AS w
CROSS JOIN tenancy.settings AS s;
