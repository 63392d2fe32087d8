-- The time here, and how long a strong lock is waited for, as tenancy.try_lock_tables() has it. $1 and $2: tenancy.settings.
SELECT
    now() AS at, -- noqa: RF04
    greatest(
        least(
            $1,
            (SELECT s.setting::integer / 2 FROM pg_settings AS s WHERE s.name = 'deadlock_timeout')
        ),
        1
    ) AS queue_ms,
    (
        SELECT sum(1.5 * least(0.05 * a.attempt, 1.0)) -- noqa: LT01
        FROM generate_series(1, $2 - 1) AS a (attempt)
    )::float AS pauses_seconds;
