-- Step 5 of a legacy booking: absolute values, computed from what step 3 read.
-- $1 customer, $2 bookings, $3 spend, $4 start of the booking
UPDATE public.customer_booking_stats
SET
    total_bookings = $2,
    total_spend_cents = $3,
    last_booking_at = $4,
    updated_at = now()
WHERE customer_id = $1;
