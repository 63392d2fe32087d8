-- Revert convo_tenancy:expand/backfill_profiles from pg

-- The profiles stay: the revert of expand/customer_shop_profiles puts aside what the legacy side cannot hold.
