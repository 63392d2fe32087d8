-- A correction that moves the last booking, too: up to this customer.
UPDATE public.customer_booking_stats
SET
    total_spend_cents = total_spend_cents + 100,
    last_booking_at = last_booking_at + interval '1 minute'
WHERE customer_id <= $1;
