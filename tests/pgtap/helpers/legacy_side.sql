-- For salons.sql, until the contract: customers on both sides.

-- '2 bookings, 8000 cents, day 3, 1 no-shows, stylist 9011, average 4000'
CREATE FUNCTION pg_temp.legacy_of(customer integer)
RETURNS text
LANGUAGE sql
AS $$
    SELECT
        concat_ws(
            ', ',
            CASE WHEN s.customer_id IS NULL THEN 'no statistics' END,
            pg_temp.in_words(
                s.total_bookings, s.total_spend_cents, s.last_booking_at, c.no_show_count, c.preferred_stylist_id
            ),
            'average ' || nullif(c.average_spend_cents, 0)
        )
    FROM public.customers AS c
    LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
    WHERE c.id = customer;
$$;

-- Customers who are as yet in no shop; their phones end in their ids.
CREATE FUNCTION pg_temp.add_customers(VARIADIC ids integer[])
RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
    SELECT
        i.id,
        '+1555000' || i.id,
        0,
        0
    FROM unnest(add_customers.ids) AS i (id);
$$;

-- A profile and the statistics that it stands for, with the mirrors off: both sides as they were.
CREATE FUNCTION pg_temp.add_profile(
    customer integer,
    shop integer,
    bookings integer,
    spend_cents integer,
    last_booking_at timestamptz DEFAULT NULL,
    no_shows integer DEFAULT 0,
    stylist integer DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SET tenancy.mirroring = 'on'
AS $$
BEGIN
    INSERT INTO public.customer_shop_profiles (
        customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at, no_show_count, preferred_stylist_id
    )
    VALUES (customer, shop, bookings, spend_cents, add_profile.last_booking_at, no_shows, stylist);

    INSERT INTO public.customer_booking_stats AS s (customer_id, total_bookings, total_spend_cents, last_booking_at)
    VALUES (customer, bookings, spend_cents, add_profile.last_booking_at)
    ON CONFLICT (customer_id) DO UPDATE
    SET
        total_bookings = s.total_bookings + excluded.total_bookings,
        total_spend_cents = s.total_spend_cents + excluded.total_spend_cents,
        last_booking_at = coalesce(excluded.last_booking_at, s.last_booking_at);

    UPDATE public.customers AS c
    SET
        average_spend_cents = coalesce(s.total_spend_cents / nullif(s.total_bookings, 0), 0),
        no_show_count = c.no_show_count + no_shows,
        preferred_stylist_id = coalesce(c.preferred_stylist_id, stylist)
    FROM public.customer_booking_stats AS s
    WHERE c.id = customer
        AND s.customer_id = c.id;
END;
$$;
