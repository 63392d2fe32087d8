SELECT
    b.runner_key AS key,
    b.runner_pid AS pid
FROM tenancy.backfill_progress AS b;
