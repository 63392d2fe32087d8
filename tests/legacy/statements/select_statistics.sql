-- Step 3 of a legacy booking: the statistics, without a lock.
-- $1 customer
SELECT
    customer_id,
    total_bookings,
    total_spend_cents,
    last_booking_at,
    created_at,
    updated_at
FROM public.customer_booking_stats
WHERE customer_id = $1;
