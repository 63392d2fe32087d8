SELECT s.backfill_batch_size
FROM tenancy.settings AS s;
