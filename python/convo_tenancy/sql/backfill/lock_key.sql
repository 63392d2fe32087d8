SELECT tenancy.backfill_lock_key();
