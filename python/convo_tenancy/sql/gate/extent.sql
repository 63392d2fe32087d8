-- How much leaves schema public.
SELECT
    -- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
    (SELECT count(*) FROM public.customers) AS customers,
    (SELECT count(*) FROM public.customer_booking_stats) AS statistics_rows,
    pg_total_relation_size('public.customer_booking_stats') AS statistics_bytes;
