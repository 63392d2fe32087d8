SELECT tenancy.leave_backfill();
