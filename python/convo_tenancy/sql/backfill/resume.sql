SELECT tenancy.resume_backfill();
