-- And to the statistics, absolute values that it computed: customer, bookings, spend.
UPDATE public.customer_booking_stats
SET
    total_bookings = $2,
    total_spend_cents = $3,
    updated_at = now()
WHERE customer_id = $1;
