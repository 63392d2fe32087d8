-- Step 6 of a customer's first legacy booking with this stylist.
-- $1 customer, $2 stylist, $3 bookings
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES ($1, $2, $3)
RETURNING id, created_at, updated_at;
