SELECT tenancy.join_backfill();
