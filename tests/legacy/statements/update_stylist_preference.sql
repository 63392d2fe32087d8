-- Step 6 of a legacy booking: an absolute value, computed from what was read.
-- $1 id of the preference, $2 bookings
UPDATE public.customer_stylist_preferences
SET
    booking_count = $2,
    updated_at = now()
WHERE id = $1;
