SELECT tenancy.claim_backfill();
