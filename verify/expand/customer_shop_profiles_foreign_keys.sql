-- Verify convo_tenancy:expand/customer_shop_profiles_foreign_keys on pg

BEGIN;

SELECT 1 / (count(*) = 4)::integer
FROM pg_catalog.pg_constraint AS c
WHERE c.conrelid = 'public.customer_shop_profiles'::regclass
    AND c.contype = 'f'
    AND c.convalidated
    AND c.conname IN (
        'customer_shop_profiles_customer_id_fkey',
        'customer_shop_profiles_shop_id_fkey',
        'customer_shop_profiles_preferred_stylist_id_fkey',
        'customer_shop_profiles_preferred_stylist_shop_fkey'
    );

ROLLBACK;
