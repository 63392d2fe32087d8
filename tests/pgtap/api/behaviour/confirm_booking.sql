-- SQL API: a booking that is held is confirmed, and counted once. With several sessions: tests/python/test_confirm_booking.py.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(40);

\ir ../../helpers/salons.sql

CREATE FUNCTION pg_temp.booking(number integer)
RETURNS uuid
LANGUAGE sql
IMMUTABLE
RETURN ('00000000-0000-0000-0000-' || lpad(number::text, 12, '0'))::uuid;

-- What a call returns: '9101 in shop 901: 1 bookings, 4000 cents, day 1, stylist 9011; counted'
CREATE FUNCTION pg_temp.confirm(number integer, shop integer)
RETURNS text
LANGUAGE sql
AS $$
    SELECT format(
        '%s in shop %s: %s; %s',
        coalesce(b.customer_id::text, 'nobody'),
        shop,
        pg_temp.in_words(
            b.total_bookings, b.total_spend_cents, b.last_booking_at, b.no_show_count, b.preferred_stylist_id
        ),
        CASE WHEN b.is_counted THEN 'counted' ELSE 'not counted' END
    )
    FROM tenancy.confirm_booking(pg_temp.booking(number), shop) AS b;
$$;

CREATE FUNCTION pg_temp.status_of(number integer)
RETURNS text
LANGUAGE sql
AS $$
    SELECT b.status::text FROM public.bookings AS b WHERE b.id = pg_temp.booking(number);
$$;

-- A hold that lasts
CREATE FUNCTION pg_temp.hold(number integer, stylist integer, start_at timestamptz, phone text, email text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_temp.book(number, stylist, start_at, phone, email, 'HOLD');
    UPDATE public.bookings AS b
    SET
        hold_expires_at_utc = now() + interval '1 hour',
        updated_at = now() - interval '1 hour'
    WHERE b.id = pg_temp.booking(number);
END;
$$;

SELECT pg_temp.add_customers(9101, 9102, 9103);
SELECT pg_temp.add_profile(9102, 901, 7, 7000, pg_temp.day(7), 7, 9012);

-- Once ---------------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.hold(1, 9011, pg_temp.day(1), '+15550009101');
UPDATE public.bookings SET discount_cents = 500, secondary_service_id = 9010 WHERE id = pg_temp.booking(1);
SELECT is(
    pg_temp.confirm(1, 901), '9101 in shop 901: 1 bookings, 4000 cents, day 1, stylist 9011; counted',
    'it counts at the list price of the primary service, discount or not, and at its start'
);
SELECT results_eq(
    'SELECT b.status::text, b.updated_at FROM public.bookings AS b WHERE b.id = pg_temp.booking(1)',
    $$VALUES ('CONFIRMED', now())$$,
    'the booking is confirmed, and says when'
);
SELECT is(pg_temp.profiles_of(9101), 'shop 901: 1 bookings, 4000 cents, day 1, stylist 9011', 'the profile is what it said');
SELECT is(pg_temp.legacy_of(9101), '1 bookings, 4000 cents, day 1, stylist 9011, average 4000', 'so is the legacy side');
SELECT is(
    (SELECT p.booking_count FROM public.customer_stylist_preferences AS p WHERE (p.customer_id, p.stylist_id) = (9101, 9011)),
    1,
    'the stylist''s bookings are counted'
);
SELECT is(
    pg_temp.confirm(1, 901), '9101 in shop 901: 1 bookings, 4000 cents, day 1, stylist 9011; not counted',
    'again: the same, and nothing is counted'
);
SELECT is(pg_temp.legacy_of(9101), '1 bookings, 4000 cents, day 1, stylist 9011, average 4000', 'on neither side');
SELECT pg_temp.hold(2, 9012, pg_temp.day(3), '+15550009102');
SELECT is(
    pg_temp.confirm(2, 901), '9102 in shop 901: 8 bookings, 11000 cents, day 3, 7 no-shows, stylist 9012; counted',
    'who has a profile, and what is in it'
);
SELECT pg_temp.hold(3, 9021, pg_temp.day(4), '+15550009102');
SELECT is(
    pg_temp.confirm(3, 902), '9102 in shop 902: 1 bookings, 5000 cents, day 4, stylist 9021; counted',
    'who is new to the shop'
);
SELECT is(
    pg_temp.legacy_of(9102), '9 bookings, 16000 cents, day 4, 7 no-shows, stylist 9012, average 1777', 'the legacy side adds up'
);

-- Who the customer is ------------------------------------------------------------------------------------------------------------

SELECT pg_temp.hold(4, 9011, pg_temp.day(5), '(555) 000-9103', ' New@Example.com ');
SELECT is(
    pg_temp.confirm(4, 901), '9103 in shop 901: 1 bookings, 4000 cents, day 5, stylist 9011; counted',
    'by the phone, however it is written'
);
SELECT pg_temp.hold(5, 9011, pg_temp.day(6), '123', ' New@Example.com ');
UPDATE public.bookings SET customer_name = ' Neil ' WHERE id = pg_temp.booking(5);
SELECT is(
    regexp_replace(pg_temp.confirm(5, 901), '^[0-9]+', 'N'),
    'N in shop 901: 1 bookings, 4000 cents, day 6, stylist 9011; counted',
    'somebody new'
);
SELECT results_eq(
    $$SELECT c.phone::text, c.name::text FROM public.customers AS c WHERE c.email = 'new@example.com'$$,
    $$VALUES (NULL, 'Neil')$$,
    'is made as by get_or_create_customer'
);
SELECT is(
    regexp_replace(pg_temp.confirm(5, 901), '^[0-9]+', 'N'),
    'N in shop 901: 1 bookings, 4000 cents, day 6, stylist 9011; not counted',
    'and found again by the email'
);
CREATE TEMPORARY TABLE before ON COMMIT DROP AS SELECT count(*) AS customers FROM public.customers;
SELECT pg_temp.hold(6, 9011, pg_temp.day(7), '123', 'noat');
SELECT is(pg_temp.confirm(6, 901), 'nobody in shop 901: nothing; not counted', 'nobody: it counts for nobody');
SELECT is(pg_temp.status_of(6), 'CONFIRMED', 'and is confirmed');
SELECT is(pg_temp.confirm(6, 901), 'nobody in shop 901: nothing; not counted', 'again: the same');

-- Confirmed by somebody else -------------------------------------------------------------------------------------------------------

SELECT pg_temp.book(7, 9021, pg_temp.day(8), '+15550009101');
SELECT is(
    pg_temp.confirm(7, 902), '9101 in shop 902: nothing; not counted', 'a public confirm stays uncounted: no profile'
);
SELECT is(pg_temp.profiles_of(9101), 'shop 901: 1 bookings, 4000 cents, day 1, stylist 9011', 'and makes none');
SELECT pg_temp.book(8, 9021, pg_temp.day(9), '+15550001234');
SELECT is(pg_temp.confirm(8, 902), 'nobody in shop 902: nothing; not counted', 'nor does it make a customer');
SELECT is((SELECT count(*) FROM public.customers), (SELECT b.customers FROM before AS b), 'there are as many as before');
SET LOCAL tenancy.confirmed = ''; -- the notes of the two

-- Refused --------------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.hold(11, 9011, pg_temp.day(11), '+15550009101');
SELECT throws_ok(
    $$SELECT pg_temp.confirm(99, 901)$$, '23503', format('booking %s does not exist', pg_temp.booking(99)), 'an unknown booking'
);
SELECT throws_ok('SELECT tenancy.confirm_booking(NULL, 901)', '23503', 'booking NULL does not exist', 'none');
SELECT throws_ok(
    $$SELECT pg_temp.confirm(11, 902)$$, '23503', format('booking %s is of shop 901, not of shop 902', pg_temp.booking(11)),
    'one of another shop'
);
SELECT throws_ok(
    $$SELECT pg_temp.confirm(11, NULL)$$, '23503', format('booking %s is of shop 901, not of shop NULL', pg_temp.booking(11)),
    'no shop'
);
SELECT throws_ok($$SELECT pg_temp.confirm(1, 902)$$, '23503', NULL, 'one of another shop, though it is CONFIRMED');
SELECT pg_temp.book(12, 9011, pg_temp.day(12), '+15550009101', NULL, 'EXPIRED');
SELECT throws_ok(
    $$SELECT pg_temp.confirm(12, 901)$$, '55000', format('booking %s has expired: hold the slot again', pg_temp.booking(12)),
    'one that expired'
);
UPDATE public.bookings SET hold_expires_at_utc = clock_timestamp() WHERE id = pg_temp.booking(11); -- after the transaction began
SELECT throws_ok(
    $$SELECT pg_temp.confirm(11, 901)$$, '55000', format('booking %s has expired: hold the slot again', pg_temp.booking(11)),
    'a hold whose time is over, though nobody said so yet'
);
UPDATE public.bookings SET hold_expires_at_utc = NULL WHERE id = pg_temp.booking(11);
UPDATE public.services SET price_cents = 10000001 WHERE id = 9010;
SELECT throws_ok(
    $$SELECT pg_temp.confirm(11, 901)$$, '22023', 'spend_cents is 10000001, expected 0 to 10000000', 'a price of no booking'
);
UPDATE public.services SET price_cents = 0 WHERE id = 9010;
UPDATE public.stylists SET shop_id = 903 WHERE id = 9013;
SELECT pg_temp.hold(13, 9011, pg_temp.day(13), '+15550009101');
UPDATE public.bookings SET stylist_id = 9013 WHERE id = pg_temp.booking(13);
SELECT throws_ok(
    $$SELECT pg_temp.confirm(13, 901)$$, '23503', 'stylist 9013 works in shop 903, not in shop 901', 'a stylist who moved'
);
SELECT pg_temp.in_shop('x');
SELECT throws_ok($$SELECT pg_temp.confirm(11, 901)$$, '22023', NULL, 'a shop context that is no shop');
SELECT pg_temp.in_shop('');
SELECT results_eq(
    $$SELECT pg_temp.status_of(n) FROM (VALUES (11), (12), (13)) AS b (n)$$, $$VALUES ('HOLD'), ('EXPIRED'), ('HOLD')$$,
    'what is refused stays as it is'
);

SELECT pg_temp.in_shop('902');
SELECT is(
    pg_temp.confirm(11, 901), '9101 in shop 901: 2 bookings, 4000 cents, day 11, stylist 9011; counted',
    'a hold without an end, for nothing, whatever the shop context is: it counts in its own shop'
);
SELECT pg_temp.in_shop('');

-- With other writes in the transaction -------------------------------------------------------------------------------------------

SELECT is(current_setting('tenancy.confirmed'), '', 'no note is left of what is counted');
SELECT is_empty('SELECT d.kind FROM tenancy.double_writes AS d', 'nobody wrote both sides');

SELECT pg_temp.hold(14, 9011, pg_temp.day(14), '+15550009103');
SELECT pg_temp.hold(15, 9021, pg_temp.day(15), '+15550009103');
UPDATE public.bookings SET status = 'CONFIRMED' WHERE id = pg_temp.booking(15);
SELECT is(
    pg_temp.confirm(14, 901), '9103 in shop 901: 2 bookings, 4000 cents, day 14, stylist 9011; counted',
    'beside a booking that legacy code confirms'
);
UPDATE public.customer_booking_stats
SET
    total_bookings = total_bookings + 1,
    total_spend_cents = total_spend_cents + 5000,
    last_booking_at = pg_temp.day(15)
WHERE customer_id = 9103;
SELECT is(
    pg_temp.profiles_of(9103),
    'shop 901: 2 bookings, 4000 cents, day 14, stylist 9011; shop 902: 1 bookings, 5000 cents, day 15',
    'whose note is left, and takes the statistics to its shop'
);
UPDATE public.customer_booking_stats
SET
    total_bookings = total_bookings + 1,
    total_spend_cents = total_spend_cents + 3000,
    last_booking_at = pg_temp.day(99)
WHERE customer_id = 9103;
SELECT is(
    pg_temp.profiles_of(9103),
    'shop 1: 1 bookings, 3000 cents, day 99; '
    'shop 901: 2 bookings, 4000 cents, day 14, stylist 9011; shop 902: 1 bookings, 5000 cents, day 15',
    'statistics of a booking that nobody knows go to the default shop, and not to that of the call'
);

SAVEPOINT before_call;
SELECT pg_temp.hold(16, 9021, pg_temp.day(16), '+15550009103');
SELECT pg_temp.confirm(16, 902) AS first \gset
ROLLBACK TO before_call;
SELECT pg_temp.hold(16, 9021, pg_temp.day(16), '+15550009103');
SELECT is(pg_temp.confirm(16, 902), :'first', 'what was taken back is counted by the next call');
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');

SELECT * FROM finish();

ROLLBACK;
