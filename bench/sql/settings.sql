-- What the figures depend on.
SELECT
    name,
    current_setting(name)
FROM pg_settings
WHERE
    name IN (
        'autovacuum',
        'checkpoint_timeout',
        'fsync',
        'full_page_writes',
        'jit',
        'max_parallel_workers',
        'max_wal_size',
        'server_version',
        'shared_buffers',
        'synchronous_commit',
        'wal_level',
        'work_mem'
    )
ORDER BY name;
