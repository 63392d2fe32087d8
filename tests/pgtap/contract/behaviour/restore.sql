-- What the legacy side would hold after the contract, customer by customer.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(11);

\ir ../../helpers/salons.sql

INSERT INTO public.customers (id, phone)
SELECT
    n,
    '+1555000' || n
FROM generate_series(9101, 9109) AS n;

CREATE FUNCTION pg_temp.archived(
    customer integer,
    bookings integer,
    spend_cents integer,
    last_booking_at timestamptz,
    stylist integer,
    average integer,
    known_stylist_ids integer[] DEFAULT '{}'
)
RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO tenancy_archive.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
    VALUES (customer, bookings, spend_cents, archived.last_booking_at);
    INSERT INTO tenancy_archive.customers (customer_id, preferred_stylist_id, average_spend_cents, no_show_count, known_stylist_ids)
    VALUES (customer, stylist, average, 0, archived.known_stylist_ids);
$$;

CREATE FUNCTION pg_temp.profile(
    customer integer,
    shop integer,
    bookings integer,
    spend_cents integer,
    last_booking_at timestamptz,
    stylist integer,
    minute integer DEFAULT 0
)
RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO public.customer_shop_profiles (
        customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at, preferred_stylist_id, no_show_count, created_at,
        updated_at
    )
    VALUES (
        customer, shop, bookings, spend_cents, profile.last_booking_at, stylist, 1,
        now() + minute * interval '1 minute', now() + minute * interval '1 minute'
    );
$$;

CREATE FUNCTION pg_temp.legacy_side_of(customer integer)
RETURNS text
LANGUAGE sql
AS $$
    SELECT
        pg_temp.in_words(
            l.total_bookings::integer, l.total_spend_cents::integer, l.last_booking_at, l.no_show_count::integer, l.preferred_stylist_id
        )
        || ', average ' || l.average_spend_cents
    FROM tenancy.legacy_side_of(ARRAY[customer]) AS l;
$$;

-- Nothing was written since the contract
SELECT pg_temp.archived(9101, 3, 12000, pg_temp.day(1), 9011, 3999);
SELECT pg_temp.profile(9101, 901, 2, 8000, pg_temp.day(1), 9011, 1);
SELECT pg_temp.profile(9101, 902, 1, 4000, pg_temp.day(5), 9021, 2);
SELECT pg_temp.archived(9102, 1, 4000, pg_temp.day(1), NULL, 4000, '{9011}');
SELECT pg_temp.profile(9102, 901, 1, 4000, pg_temp.day(1), 9011);
SELECT is(
    pg_temp.legacy_side_of(9101), '3 bookings, 12000 cents, day 1, 2 no-shows, stylist 9011, average 3999',
    'nothing written: as archived'
);
SELECT is(
    pg_temp.legacy_side_of(9102), '1 bookings, 4000 cents, day 1, 1 no-shows, average 4000',
    'nothing written: who preferred nobody over all shops still does'
);

-- Written since
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9012 WHERE customer_id = 9102;
SELECT is(
    pg_temp.legacy_side_of(9102), '1 bookings, 4000 cents, day 1, 1 no-shows, stylist 9012, average 4000',
    'who preferred nobody prefers whom a profile has that had somebody else'
);
SELECT pg_temp.archived(9103, 1, 4000, pg_temp.day(1), 9011, 4000);
SELECT pg_temp.profile(9103, 901, 1, 4000, pg_temp.day(1), 9012, 1);
SELECT pg_temp.profile(9103, 902, 2, 11000, pg_temp.day(0), 9021, 2);
SELECT is(
    pg_temp.legacy_side_of(9103), '3 bookings, 15000 cents, day 0, 2 no-shows, stylist 9012, average 5000',
    'booked since: sums, the last one written, and who took the place of whom they preferred'
);
SELECT pg_temp.archived(9104, 1, 4000, pg_temp.day(7), 9011, 4000);
SELECT pg_temp.profile(9104, 901, 1, 4000, pg_temp.day(2), NULL);
SELECT is(
    pg_temp.legacy_side_of(9104), '1 bookings, 4000 cents, day 2, 1 no-shows, average 4000',
    'a last booking that no profile holds any more; a preference that was taken back'
);
SELECT pg_temp.profile(9105, 902, 2, 9000, pg_temp.day(3), 9021, 2);
SELECT pg_temp.profile(9105, 901, 1, 4000, pg_temp.day(4), 9011, 1);
SELECT is(
    pg_temp.legacy_side_of(9105), '3 bookings, 13000 cents, day 3, 2 no-shows, stylist 9011, average 4333',
    'without an archive: the last one written, and whom the first profile prefers'
);
SELECT is(pg_temp.legacy_side_of(9106), 'nothing, average 0', 'without anything');
SELECT pg_temp.archived(9107, 2, 8000, pg_temp.day(1), 9011, 4000);
SELECT is(pg_temp.legacy_side_of(9107), 'nothing, average 0', 'whose profiles went');
SELECT is_empty('SELECT * FROM tenancy.legacy_side_of(ARRAY[999999])', 'nobody');

-- The legacy side is 32 bits wide.
SELECT pg_temp.profile(9108, 901, 2147483647, 100, pg_temp.day(1), NULL, 1);
SELECT pg_temp.profile(9108, 902, 1, 100, pg_temp.day(2), NULL, 2);
SELECT pg_temp.profile(9109, 901, 2147483646, 100, pg_temp.day(1), NULL, 1);
SELECT pg_temp.profile(9109, 902, 1, 100, pg_temp.day(2), NULL, 2);
SELECT results_eq(
    'SELECT l.total_bookings FROM tenancy.legacy_side_of(ARRAY[9108, 9109]) AS l ORDER BY l.customer_id',
    ARRAY[2147483648::bigint, 2147483647],
    'sums are wide'
);
SELECT is(tenancy.unfitting_customers(), ARRAY[9108], 'who does not fit');

SELECT * FROM finish();

ROLLBACK;
