-- For tests of behaviour: three shops beside shop 1, the default one, with stylists and services; and both sides in words.

INSERT INTO public.shops (id, name)
VALUES
(901, 'North'),
(902, 'South'),
(903, 'West');

INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
VALUES
(1001, 1, 'Ada', '09:00', '17:00', TRUE),
(9011, 901, 'Nora', '09:00', '17:00', TRUE),
(9012, 901, 'Nick', '09:00', '17:00', TRUE),
(9013, 901, 'Nina', '09:00', '17:00', TRUE),
(9021, 902, 'Sam', '09:00', '17:00', TRUE),
(9022, 902, 'Sue', '09:00', '17:00', TRUE),
(9031, 903, 'Wim', '09:00', '17:00', TRUE);

INSERT INTO public.services (id, shop_id, name, duration_minutes, price_cents)
VALUES
(10, 1, 'Cut', 30, 3000),
(9010, 901, 'Cut', 30, 4000),
(9020, 902, 'Cut', 30, 5000),
(9030, 903, 'Cut', 30, 6000);

CREATE FUNCTION pg_temp.day(number integer)
RETURNS timestamptz
LANGUAGE sql
IMMUTABLE
RETURN '2026-01-01 10:00+00'::timestamptz + number * interval '1 day';

-- The shop context, until the end of the transaction
CREATE FUNCTION pg_temp.in_shop(context text)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM set_config('app.current_shop_id', context, TRUE);
END;
$$;

-- A booking, whose number makes its id and when it was created.
CREATE FUNCTION pg_temp.book(
    number integer,
    stylist integer,
    start_at timestamptz,
    phone text,
    email text DEFAULT NULL,
    status text DEFAULT 'CONFIRMED'
)
RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO public.bookings (
        id,
        shop_id,
        service_id,
        stylist_id,
        customer_phone,
        customer_email,
        status,
        discount_cents,
        start_at_utc,
        end_at_utc,
        created_at
    )
    SELECT
        format('00000000-0000-0000-0000-%s', lpad(book.number::text, 12, '0'))::uuid,
        s.shop_id,
        s.shop_id * 10,
        s.id,
        book.phone,
        book.email,
        book.status::public.bookingstatus,
        0,
        book.start_at,
        book.start_at + interval '1 hour' + book.number * interval '1 second',
        '2025-12-01 00:00+00'::timestamptz + book.number * interval '1 hour'
    FROM public.stylists AS s
    WHERE s.id = book.stylist;
$$;

-- '2 bookings, 8000 cents, day 3, 1 no-shows, stylist 9011', less what is zero or NULL
CREATE FUNCTION pg_temp.in_words(
    bookings integer,
    spend_cents integer,
    last_booking_at timestamptz,
    no_shows integer,
    stylist integer
)
RETURNS text
LANGUAGE sql
RETURN coalesce(
    nullif(
        concat_ws(
            ', ',
            nullif(bookings, 0) || ' bookings',
            nullif(spend_cents, 0) || ' cents',
            'day ' || extract(DAY FROM last_booking_at - pg_temp.day(0)),
            nullif(no_shows, 0) || ' no-shows',
            'stylist ' || stylist
        ),
        ''
    ),
    'nothing'
);

-- 'shop 901: 2 bookings, 8000 cents, day 3; shop 902: nothing'; NULL without profiles
CREATE FUNCTION pg_temp.profiles_of(customer integer)
RETURNS text
LANGUAGE sql
AS $$
    SELECT
        string_agg(
            format(
                'shop %s: %s',
                p.shop_id,
                pg_temp.in_words(
                    p.total_bookings, p.total_spend_cents, p.last_booking_at, p.no_show_count, p.preferred_stylist_id
                )
            ),
            '; ' ORDER BY p.shop_id
        )
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = customer;
$$;

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
\ir legacy_side.sql
\endif

\ir what_if.sql
