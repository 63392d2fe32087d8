-- Replicas whose lag this role may not see: tenancy.backfill_hold() could not slow down for them.
SELECT count(*) AS hidden
FROM pg_stat_replication
WHERE NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE');
