SELECT
    s.lock_timeout_ms,
    s.lock_attempts
FROM tenancy.settings AS s;
