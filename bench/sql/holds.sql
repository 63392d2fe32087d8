-- Held bookings for bench/sql/legacy_booking.pgbench, in a database that tests/legacy/sample.sql has filled:
-- psql -v customers=N -v first=F -v holds=M
--
-- Hold h, from F on, has the id 0000000000000 followed by 10^18 + h, and is that of the customer number 1 + h * 1000003 % N.
-- Three of four are with the stylist whom the customer booked most, one of four with another one, of which one in
-- five works in another shop.

-- A phone of their own for everybody: +1602, then the number. Of 51 ids one has no customer.
UPDATE public.customers
SET phone = '+' || (16020000000 + id - (id - 1) / 51)
WHERE phone IS DISTINCT FROM '+' || (16020000000 + id - (id - 1) / 51);

INSERT INTO public.bookings (
    id, shop_id, service_id, stylist_id, customer_name, customer_email, customer_phone, discount_cents, start_at_utc,
    end_at_utc, status, hold_expires_at_utc
)
SELECT
    ('0000000000000' || (1000000000000000000 + hold))::uuid,
    stylist.shop_id,
    (stylist.shop_id - 1) * 5 + 1, -- a cut
    stylist.id,
    customer.name,
    customer.email,
    customer.phone,
    0,
    slot.start_at,
    slot.start_at + interval '30 minutes',
    'HOLD',
    now() + interval '1 day' -- longer than the benchmark takes
FROM generate_series(:first, :holds - 1) AS hold
CROSS JOIN LATERAL (SELECT hold::bigint * 1000003 % :customers AS number) AS chosen
JOIN public.customers AS customer ON customer.id = 1 + chosen.number + chosen.number / 50
CROSS JOIN LATERAL (SELECT '2040-01-01 00:00+00'::timestamptz + hold * interval '1 minute' AS start_at) AS slot
CROSS JOIN (SELECT max(id) AS stylists FROM public.stylists) AS last
JOIN public.stylists AS stylist
    ON stylist.id = 1 + (
        coalesce(customer.preferred_stylist_id, 1) - 1 + CASE
            WHEN hold % 20 = 0 THEN last.stylists / 5
            WHEN hold % 4 = 0 THEN 1
            ELSE 0
        END
    ) % last.stylists
ORDER BY hold;
