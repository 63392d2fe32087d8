-- What the legacy application reads when a booking is confirmed, without a lock: customer.
SELECT
    total_bookings,
    total_spend_cents
FROM public.customer_booking_stats
WHERE customer_id = $1;
