ANALYZE (SKIP_LOCKED) public.customer_shop_profiles;
