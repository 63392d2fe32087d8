-- Step 7 of a legacy booking: whom the customer booked most, over all shops.
-- $1 customer
SELECT stylist_id
FROM public.customer_stylist_preferences
WHERE customer_id = $1
ORDER BY booking_count DESC, stylist_id
LIMIT 1;
