SELECT tenancy.prepare_backfill();
