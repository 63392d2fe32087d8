-- The start of the booking that is $2 bookings after this moment ($1); no row when there are fewer. By the index on the start.
SELECT b.start_at_utc::text AS until
FROM public.bookings AS b
WHERE b.start_at_utc >= $1::timestamptz
ORDER BY b.start_at_utc
LIMIT 1 OFFSET $2;
