SELECT count(*) AS rows_found
-- convo-tenancy: somebody's, and nobody's read of the legacy side (mirror/legacy_readers)
FROM public.customer_booking_stats;
