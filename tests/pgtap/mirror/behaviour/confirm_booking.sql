-- A booking that turns CONFIRMED locks its customer and notes the shop; the statistics that count it take the note off.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS pgrowlocks;

SELECT plan(43);

\ir ../../helpers/salons.sql

-- What is noted: for each customer the shops and days of their bookings
CREATE FUNCTION pg_temp.notes()
RETURNS text
LANGUAGE sql
BEGIN ATOMIC
    SELECT
        string_agg(
            format('%s: %s day %s', m.n[1], m.n[3], to_timestamp(m.n[2]::numeric)::date - pg_temp.day(0)::date),
            '; ' ORDER BY m.n[1], m.place
        )
    FROM regexp_matches(current_setting('tenancy.confirmed', TRUE), ' ([0-9]+):([0-9.]+)=([0-9]+)', 'g')
        WITH ORDINALITY AS m (n, place);
END;

-- Whose rows are locked, and how
CREATE FUNCTION pg_temp.locked()
RETURNS TABLE (customer_id integer, modes text)
LANGUAGE sql
AS $$
    SELECT
        c.id,
        array_to_string(l.modes, ', ')
    FROM pgrowlocks('public.customers') AS l
    JOIN public.customers AS c ON c.ctid = l.locked_row;
$$;

INSERT INTO public.customers (id, phone, email, average_spend_cents, no_show_count)
VALUES
(9101, '+15550009101', 'ann@example.com', 0, 0),
(9102, '+15550009102', 'bob@example.com', 0, 0),
(9103, '+15550009101', 'cid@example.com', 0, 0), -- the phone of 9101
(9104, NULL, 'dot@example.com', 0, 0),
(9105, '+15550009105', NULL, 0, 0),
(9106, NULL, NULL, 0, 0);
SAVEPOINT before_booking;

-- What confirms ------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.book(1, 9011, pg_temp.day(1), '+15550009101', status => 'HOLD');
SELECT pg_temp.book(2, 9012, pg_temp.day(1), '+15550009101', status => 'EXPIRED');
UPDATE public.bookings SET status = 'EXPIRED';
UPDATE public.bookings SET status = 'HOLD';
UPDATE public.bookings SET internal_notes = 'early';
SELECT is_empty('SELECT * FROM pg_temp.locked()', 'a hold, or an expired booking, locks nobody');
SELECT is(pg_temp.notes(), NULL, 'and notes nothing');

UPDATE public.bookings SET status = 'CONFIRMED' WHERE stylist_id = 9011;
SELECT results_eq(
    'SELECT * FROM pg_temp.locked()',
    $$VALUES (9101, 'For No Key Update')$$,
    'a hold that turns CONFIRMED locks its customer, and lets foreign keys refer to them'
);
SELECT is(pg_temp.notes(), '9101: 901 day 1', 'and notes shop and start');
SELECT is(
    (SELECT b.status::text FROM public.bookings AS b WHERE b.stylist_id = 9011),
    'CONFIRMED',
    'the booking is what the application made it'
);

SET LOCAL tenancy.confirmed = '';
UPDATE public.bookings SET status = 'CONFIRMED' WHERE stylist_id = 9011;
UPDATE public.bookings SET start_at_utc = pg_temp.day(3) WHERE stylist_id = 9011;
UPDATE public.bookings SET status = 'EXPIRED' WHERE stylist_id = 9011;
SELECT is(pg_temp.notes(), NULL, 'a CONFIRMED booking that is written again, or taken back, notes nothing');
UPDATE public.bookings SET status = 'CONFIRMED' WHERE stylist_id = 9011;
SELECT is(pg_temp.notes(), '9101: 901 day 3', 'one that is confirmed again does');
ROLLBACK TO SAVEPOINT before_booking;

SELECT pg_temp.book(1, 9021, pg_temp.day(1), '+15550009102');
SELECT results_eq(
    'SELECT * FROM pg_temp.locked()',
    $$VALUES (9102, 'For No Key Update')$$,
    'a booking that is inserted as CONFIRMED locks its customer'
);
SELECT is(pg_temp.notes(), '9102: 902 day 1', 'and notes shop and start');
ROLLBACK TO SAVEPOINT before_booking;
SELECT pg_temp.book(1, 9021, pg_temp.day(1), NULL, 'dot@example.com');
SELECT results_eq(
    'SELECT * FROM pg_temp.locked()',
    $$VALUES (9104, 'For No Key Update')$$,
    'also a customer whom it names by email'
);
ROLLBACK TO SAVEPOINT before_booking;
SELECT is(pg_temp.notes(), NULL, 'a savepoint takes the note back');

-- Whose booking ------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.book(1, 9011, pg_temp.day(1), '+15550000000', 'nobody@example.com');
SELECT pg_temp.book(2, 9012, pg_temp.day(1), NULL);
SELECT is_empty('SELECT * FROM pg_temp.locked()', 'a booking of nobody locks nobody');
SELECT is((SELECT count(*) FROM public.bookings), 2::bigint, 'and is written');

-- Every phone with every email address: the customer is the one whom tenancy.bookings_of() gives the booking.
SELECT pg_temp.book(100 + (row_number() OVER ())::integer, 9031, pg_temp.day(2), p.phone, e.email, 'HOLD')
FROM (VALUES ('+15550009101'), ('+15550009102'), ('+15550009105'), ('+15550000000'), (NULL)) AS p (phone)
CROSS JOIN (
    VALUES
    ('ann@example.com'), ('bob@example.com'), ('cid@example.com'), ('dot@example.com'), ('nobody@example.com'), (NULL)
) AS e (email);

CREATE TEMPORARY TABLE chosen (booking_id uuid, customer_id integer) ON COMMIT DROP;

DO $$
DECLARE
    booking uuid;
BEGIN
    FOR booking IN SELECT b.id FROM public.bookings AS b WHERE b.status = 'HOLD' LOOP
        PERFORM set_config('tenancy.confirmed', '', TRUE);
        UPDATE public.bookings SET status = 'CONFIRMED' WHERE id = booking;
        INSERT INTO chosen (booking_id, customer_id)
        SELECT
            booking,
            n.customer::integer
        FROM substring(current_setting('tenancy.confirmed') FROM '[0-9]+') AS n (customer)
        WHERE n.customer IS NOT NULL;
    END LOOP;
END;
$$;

SELECT set_eq(
    'SELECT * FROM chosen',
    $$
    SELECT
        b.id AS booking_id,
        c.id AS customer_id
    FROM public.customers AS c
    CROSS JOIN LATERAL tenancy.bookings_of(c.id) AS b
    $$,
    'the customer is the one whose the booking is in tenancy.bookings_of()'
);
SELECT set_eq(
    'SELECT customer_id, count(*) FROM chosen GROUP BY customer_id',
    $$
    VALUES
        (9101, 6::bigint + 2), -- by phone, and by email with an unknown phone or none
        (9102, 6 + 2),
        (9103, 0 + 2), -- the phone is of the one with the lowest id
        (9104, 0 + 2),
        (9105, 6)
    $$,
    'by phone before email; of those who share a phone, the lowest id'
);
SELECT is_empty(
    'SELECT * FROM pg_temp.locked() WHERE customer_id = 9106',
    'who has neither phone nor email has no booking'
);
ROLLBACK TO SAVEPOINT before_booking;

-- Whose note it is ---------------------------------------------------------------------------------------------------------------

SELECT pg_temp.book(1, 9011, pg_temp.day(1), '+15550009101');
SELECT pg_temp.book(2, 9021, pg_temp.day(2), '+15550009102');
SELECT pg_temp.book(3, 9031, pg_temp.day(3), NULL, 'dot@example.com');
SELECT is(pg_temp.notes(), '9101: 901 day 1; 9102: 902 day 2; 9104: 903 day 3', 'several customers: a note each');
SELECT pg_temp.book(4, 9022, pg_temp.day(4), '+15550009101');
SELECT is(
    pg_temp.notes(),
    '9101: 901 day 1; 9101: 902 day 4; 9102: 902 day 2; 9104: 903 day 3',
    'several bookings of one customer: a note each, in their order'
);

-- Statistics of another time: only the newest note leads to the shop.
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9101, 0, 0);
SELECT is(
    pg_temp.notes(),
    '9101: 901 day 1; 9101: 902 day 4; 9102: 902 day 2; 9104: 903 day 3',
    'a row of zeros counts no booking: the notes stays'
);
UPDATE public.customers SET no_show_count = 1 WHERE id = 9101;
SELECT is(pg_temp.profiles_of(9101), 'shop 902: 1 no-shows', 'no-shows go to the shop that is noted');
SELECT is(
    pg_temp.notes(),
    '9101: 901 day 1; 9101: 902 day 4; 9102: 902 day 2; 9104: 903 day 3',
    'and leave the notes'
);
UPDATE public.customer_booking_stats
SET
    total_bookings = 1,
    total_spend_cents = 5000,
    last_booking_at = pg_temp.day(9)
WHERE customer_id = 9101;
SELECT is(pg_temp.profiles_of(9101), 'shop 902: 1 bookings, 5000 cents, day 9, 1 no-shows', 'statistics, too');
SELECT is(pg_temp.notes(), '9101: 901 day 1; 9102: 902 day 2; 9104: 903 day 3', 'and take that one off');
UPDATE public.customer_booking_stats SET total_bookings = 2 WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 902: 2 bookings, 5000 cents, day 9, 1 no-shows',
    'the next write goes where last_booking_at leads'
);
UPDATE public.customer_booking_stats SET updated_at = now() WHERE customer_id = 9101;
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9104, 1, 1);
SELECT is(pg_temp.profiles_of(9104), 'shop 903: 1 bookings, 1 cents', 'each customer''s note leads to its own shop');

SAVEPOINT before_statistics;
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9102, 1, 1);
SELECT is(pg_temp.notes(), '9101: 901 day 1', 'the last note of a customer is taken off');
ROLLBACK TO SAVEPOINT before_statistics;
SELECT is(pg_temp.notes(), '9101: 901 day 1; 9102: 902 day 2', 'with the statistics the note comes back');

SELECT pg_temp.in_shop('903');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9102, 1, 1);
SELECT is(pg_temp.profiles_of(9102), 'shop 903: 1 bookings, 1 cents', 'the shop context goes before the note');
SELECT is(pg_temp.notes(), '9101: 901 day 1', 'which is taken off all the same');
SELECT pg_temp.in_shop('');
ROLLBACK TO SAVEPOINT before_booking;

-- Two bookings in one transaction, in two shops, each counted before the next
SELECT pg_temp.book(1, 9011, pg_temp.day(1), '+15550009105');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES (9105, 1, 4000, pg_temp.day(1));
SELECT pg_temp.book(2, 9021, pg_temp.day(2), '+15550009105');
UPDATE public.customer_booking_stats
SET
    total_bookings = 2,
    total_spend_cents = 9000,
    last_booking_at = pg_temp.day(2)
WHERE customer_id = 9105;
SELECT is(
    pg_temp.profiles_of(9105),
    'shop 901: 1 bookings, 4000 cents, day 1; shop 902: 1 bookings, 5000 cents, day 2',
    'two bookings of a customer in two shops: each where it was'
);

-- Both first, then one write for each, in whatever order: each write counts the booking that starts at its last_booking_at.
SAVEPOINT both_confirmed;
SELECT pg_temp.book(3, 9012, pg_temp.day(3), '+15550009105');
SELECT pg_temp.book(4, 9031, pg_temp.day(4), '+15550009105');
UPDATE public.customer_booking_stats
SET
    total_bookings = 3,
    total_spend_cents = 15000,
    last_booking_at = pg_temp.day(4)
WHERE customer_id = 9105;
SELECT is(pg_temp.notes(), '9105: 901 day 3', 'the note of the other stays');
UPDATE public.customer_booking_stats SET total_spend_cents = 15100 WHERE customer_id = 9105;
SELECT is(pg_temp.notes(), '9105: 901 day 3', 'also after a correction, which counts none');
UPDATE public.customer_booking_stats
SET
    total_bookings = 4,
    total_spend_cents = 19100,
    last_booking_at = pg_temp.day(3)
WHERE customer_id = 9105;
SELECT is(
    pg_temp.profiles_of(9105),
    'shop 901: 2 bookings, 8000 cents, day 3; shop 902: 1 bookings, 5000 cents, day 2; '
    'shop 903: 1 bookings, 6100 cents, day 4',
    'both confirmed, then both counted: each where it was'
);
SELECT is(pg_temp.notes(), NULL, 'and no note is left');
ROLLBACK TO SAVEPOINT both_confirmed;

-- Both first, then one write that counts both: the bookings say where the other one was.
SELECT pg_temp.book(3, 9012, pg_temp.day(3), '+15550009105');
SELECT pg_temp.book(4, 9031, pg_temp.day(4), '+15550009105');
UPDATE public.customer_booking_stats
SET
    total_bookings = 4,
    total_spend_cents = 19000,
    last_booking_at = pg_temp.day(4)
WHERE customer_id = 9105;
SELECT is(
    pg_temp.profiles_of(9105),
    'shop 901: 2 bookings, 8000 cents, day 3; shop 902: 1 bookings, 5000 cents, day 2; '
    'shop 903: 1 bookings, 6000 cents, day 4',
    'one statement that counts bookings of two shops: each where it was'
);
SELECT is(pg_temp.notes(), NULL, 'and no note is left');
ROLLBACK TO SAVEPOINT before_booking;

-- Thousands in one statement -----------------------------------------------------------------------------------------------------

INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
SELECT
    i.id,
    '+1555001' || i.id,
    0,
    0
FROM generate_series(10001, 13000) AS i (id);
SELECT
    pg_temp.book(
        i.id,
        (ARRAY[9011, 9021, 9031])[1 + i.id % 3],
        pg_temp.day(1) + i.id * interval '1 hour',
        '+1555001' || i.id,
        status => 'HOLD'
    )
FROM generate_series(10001, 13000) AS i (id);
UPDATE public.bookings SET status = 'CONFIRMED';
SELECT cmp_ok(
    length(current_setting('tenancy.confirmed')),
    '<',
    1100,
    'three thousand in one statement: the notes do not grow without end'
);
SELECT is((SELECT count(*) FROM pg_temp.locked()), 3000::bigint, 'but each customer is locked');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
SELECT
    i.id,
    1,
    1000,
    pg_temp.day(1) + i.id * interval '1 hour'
FROM generate_series(10001, 13000) AS i (id);
SELECT is_empty(
    $$
    SELECT
        p.customer_id,
        p.shop_id,
        p.total_bookings
    FROM public.customer_shop_profiles AS p
    WHERE (p.shop_id, p.total_bookings) <> (901 + p.customer_id % 3, 1)
    $$,
    'and each of their statistics finds its shop, by note or by the start of the booking'
);
SELECT is((SELECT count(*) FROM public.customer_shop_profiles), 3000::bigint, 'all of them');
ROLLBACK TO SAVEPOINT before_booking;

-- During the reconcile ----------------------------------------------------------------------------------------------------------

-- Written between the backfill and the mirrors: four bookings more in shop 901, which its profile does not show.
SELECT pg_temp.add_profile(9105, 901, 1, 4000, pg_temp.day(1));
SELECT pg_temp.book(1, 9011, pg_temp.day(5), '+15550009105');
SET LOCAL tenancy.confirmed = '';
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_booking_stats
SET
    total_bookings = 5,
    total_spend_cents = 20000,
    last_booking_at = pg_temp.day(5)
WHERE customer_id = 9105;
SET LOCAL tenancy.mirroring = '';
SAVEPOINT before_catch_up;

SELECT pg_temp.book(2, 9021, pg_temp.day(6), '+15550009105');
SELECT is(
    pg_temp.profiles_of(9105),
    'shop 901: 1 bookings, 4000 cents, day 1',
    'after the reconcile, a booking mends nothing'
);
ROLLBACK TO SAVEPOINT before_catch_up;

-- The reconcile took these away when it ended (mirror/mirrors makes them).
CREATE TRIGGER catch_up_booking
BEFORE UPDATE ON public.bookings
FOR EACH ROW
WHEN (NEW.status = 'CONFIRMED' AND OLD.status <> 'CONFIRMED')
EXECUTE FUNCTION tenancy.catch_up_customer();
CREATE TRIGGER catch_up_new_booking
BEFORE INSERT ON public.bookings
FOR EACH ROW
WHEN (NEW.status = 'CONFIRMED')
EXECUTE FUNCTION tenancy.catch_up_customer();

SELECT pg_temp.book(2, 9021, pg_temp.day(6), '+15550009105');
SELECT is(
    pg_temp.profiles_of(9105),
    'shop 901: 5 bookings, 20000 cents, day 5',
    'during the reconcile, a booking first brings its customer''s profiles up to date'
);
UPDATE public.customer_booking_stats
SET
    total_bookings = 6,
    total_spend_cents = 25000,
    last_booking_at = pg_temp.day(6)
WHERE customer_id = 9105;
SELECT is(
    pg_temp.profiles_of(9105),
    'shop 901: 5 bookings, 20000 cents, day 5; shop 902: 1 bookings, 5000 cents, day 6',
    'so that its shop gets the one booking alone'
);

SELECT * FROM finish();

ROLLBACK;
