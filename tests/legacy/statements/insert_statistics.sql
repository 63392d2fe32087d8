-- Step 5 of a customer's first legacy booking: the statistics.
-- $1 customer, $2 bookings, $3 spend, $4 start of the booking
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES ($1, $2, $3, $4)
RETURNING created_at, updated_at;
