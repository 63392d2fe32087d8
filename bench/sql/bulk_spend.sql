-- A correction of statistics: up to this customer.
UPDATE public.customer_booking_stats
SET total_spend_cents = total_spend_cents + 100
WHERE customer_id <= $1;
