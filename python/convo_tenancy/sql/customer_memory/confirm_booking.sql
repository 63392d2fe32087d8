SELECT
    b.is_counted,
    b.customer_id,
    $2::text::integer AS shop_id,
    b.preferred_stylist_id,
    b.total_bookings,
    b.total_spend_cents,
    b.last_booking_at,
    b.no_show_count
FROM tenancy.confirm_booking($1::text::uuid, $2::text::integer) AS b;
