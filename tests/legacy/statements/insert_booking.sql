-- Before a legacy booking, in a transaction of its own: the slot is held. The public API inserts it as CONFIRMED.
-- $1 id, $2 shop, $3 service, $4 stylist, $5 customer's name, $6 email, $7 phone, $8 start, $9 end, $10 status,
-- $11 when the hold expires
INSERT INTO public.bookings (
    id, shop_id, service_id, secondary_service_id, stylist_id, customer_name, customer_email, customer_phone,
    preferred_style_text, preferred_style_image_url, promo_id, discount_cents, start_at_utc, end_at_utc, status,
    hold_expires_at_utc, sms_sent_at_utc, appointment_status, appointment_status_updated_at_utc, acknowledged_at_utc,
    internal_notes
)
VALUES (
    $1, $2, $3, NULL, $4, $5, $6, $7, NULL, NULL, NULL, 0, $8, $9, $10, $11, NULL, 'SCHEDULED', NULL, NULL, NULL
)
RETURNING created_at, updated_at;
