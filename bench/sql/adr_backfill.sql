-- ADR-0001: the backfill, one statement, everything to shop 1.
INSERT INTO public.customer_shop_profiles (
    customer_id,
    shop_id,
    preferred_stylist_id,
    total_bookings,
    total_spend_cents,
    last_booking_at,
    no_show_count
)
SELECT
    c.id,
    1 AS shop_id,
    c.preferred_stylist_id,
    coalesce(s.total_bookings, 0),
    coalesce(s.total_spend_cents, 0),
    s.last_booking_at,
    c.no_show_count
FROM public.customers AS c
LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
ON CONFLICT (customer_id, shop_id) DO NOTHING;
