-- Deploy convo_tenancy:api/customer_totals to pg

\set ON_ERROR_STOP on
\set change api/customer_totals
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

CREATE OR REPLACE VIEW tenancy.customer_totals (
    customer_id, shops, total_bookings, total_spend_cents, average_spend_cents, last_booking_at, no_show_count
)
WITH (security_invoker = TRUE)
AS
SELECT
    p.customer_id,
    count(*)::integer,
    least(sum(p.total_bookings), 2147483647)::integer, -- what one shop wrote stops nobody who reads all
    sum(p.total_spend_cents)::bigint,
    CASE
        WHEN sum(p.total_bookings) > 0 THEN least(sum(p.total_spend_cents) / sum(p.total_bookings), 2147483647)::integer
        ELSE 0
    END,
    max(p.last_booking_at),
    least(sum(p.no_show_count), 2147483647)::integer
FROM public.customer_shop_profiles AS p
GROUP BY p.customer_id;

COMMENT ON VIEW tenancy.customer_totals IS
'A customer''s totals over all shops, summed from the profiles. Example: SELECT * FROM tenancy.customer_totals WHERE '
'customer_id = 42';
COMMENT ON COLUMN tenancy.customer_totals.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.customer_totals.shops IS 'In how many shops the customer has a profile.';
COMMENT ON COLUMN tenancy.customer_totals.total_bookings IS 'Bookings counted in all shops.';
COMMENT ON COLUMN tenancy.customer_totals.total_spend_cents IS 'List price of those bookings, in cents.';
COMMENT ON COLUMN tenancy.customer_totals.average_spend_cents IS
'Spend per booking in cents, without the fraction; 0 without bookings.';
COMMENT ON COLUMN tenancy.customer_totals.last_booking_at IS 'The latest last_booking_at of the profiles.';
COMMENT ON COLUMN tenancy.customer_totals.no_show_count IS 'Bookings in all shops that the customer did not keep.';

COMMIT;
