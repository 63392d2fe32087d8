SELECT s.deadlocks
FROM pg_stat_database AS s
WHERE s.datname = current_database();
