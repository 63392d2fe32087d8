SELECT pg_try_advisory_lock(tenancy.backfill_lock_key());
