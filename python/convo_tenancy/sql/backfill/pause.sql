SELECT tenancy.pause_backfill();
