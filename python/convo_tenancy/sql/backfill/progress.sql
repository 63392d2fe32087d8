SELECT
    b.sweeping,
    b.paused,
    b.customers_estimated,
    b.customers_done,
    b.profiles_written,
    b.started_at,
    b.updated_at,
    b.finished_at
FROM tenancy.backfill_progress AS b;
