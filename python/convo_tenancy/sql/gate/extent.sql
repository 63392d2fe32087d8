-- How much leaves schema public. What tenancy reads is nobody's read of the legacy side (health/legacy_readers).
SELECT
    (SELECT count(*) FROM public.customers) AS customers,
    (SELECT count(*) FROM public.customer_booking_stats) AS statistics_rows,
    pg_total_relation_size('public.customer_booking_stats') AS statistics_bytes
FROM tenancy.settings;
