SELECT
    p.customer_id,
    p.shop_id,
    p.preferred_stylist_id,
    p.total_bookings,
    p.total_spend_cents,
    p.last_booking_at,
    p.no_show_count
FROM tenancy.record_booking($1::text::integer, $2::text::integer, $3::text::integer, $4::text::integer, $5::timestamptz) AS p;
