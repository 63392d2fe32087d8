-- From the catalogs alone: a role without USAGE on a schema may read this, too.
SELECT
    current_database()::text AS database_name,
    current_user::text AS role_name,
    current_setting('server_version') AS version,
    current_setting('server_version_num')::integer AS version_number,
    (SELECT count(*) FROM pg_tables AS t WHERE t.schemaname = 'public' AND t.tablename = 'customers') = 1 AS is_legacy,
    to_regnamespace('tenancy') IS NOT NULL AS has_schema,
    (SELECT count(*) FROM pg_tables AS t WHERE t.schemaname = 'tenancy' AND t.tablename = 'changes') = 1 AS is_deployed,
    now() AS looked_at,
    pg_is_in_recovery() AS is_standby,
    pg_last_xact_replay_timestamp() AS replayed_at;
