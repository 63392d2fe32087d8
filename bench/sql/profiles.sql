-- How many profiles there are, and the disk that they take with their indexes.
SELECT
    count(*),
    pg_total_relation_size('public.customer_shop_profiles')
FROM public.customer_shop_profiles;
