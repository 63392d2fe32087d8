SELECT
    c.customer_id,
    c.shop_id,
    c.email,
    c.phone,
    c.name,
    c.preferred_stylist_id,
    c.preferred_stylist_name,
    c.average_spend_cents,
    c.total_bookings,
    c.total_spend_cents,
    c.no_show_count,
    c.last_booking_at,
    c.last_service_id,
    c.last_service_name,
    c.last_stylist_id,
    c.last_stylist_name
FROM tenancy.customer_context($1::text::integer, $2::text::integer) AS c;
