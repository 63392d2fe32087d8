-- Step 6 of a legacy booking: how often the customer booked this stylist, without a lock.
-- $1 customer, $2 stylist
SELECT
    id,
    customer_id,
    stylist_id,
    booking_count,
    created_at,
    updated_at
FROM public.customer_stylist_preferences
WHERE customer_id = $1 AND stylist_id = $2;
