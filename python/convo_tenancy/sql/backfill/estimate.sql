SELECT
    e.customers,
    e.profiles,
    e.disk_bytes,
    e.wal_bytes
FROM tenancy.backfill_estimate() AS e;
