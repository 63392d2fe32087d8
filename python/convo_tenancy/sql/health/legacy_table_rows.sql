SELECT count(*) AS rows_found
-- Somebody's, and nothing that tenancy mirrors: no read of the legacy side (health/legacy_readers).
FROM public.customer_booking_stats;
