SELECT
    s.lock_timeout_ms,
    s.lock_attempts,
    s.legacy_quiet_period::text AS quiet_period
FROM tenancy.settings AS s;
