-- What bookings and stylists' counts show, one by one and by shop; and whose counts say nothing.
--
-- What is made of it is tested in backfill_history.sql and tests/python/test_evidence.py.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(11);

\ir ../../helpers/salons.sql

INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count) VALUES (9101, '+15550009101', 0, 0);
SELECT is_empty('SELECT * FROM tenancy.evidence WHERE customer_id = 9101', 'nothing shows: no row');

-- In 901 three bookings, two of them counted, and a hold; in 902 one booking and three counts; in 903 a count alone.
SELECT pg_temp.book(1, 9011, pg_temp.day(4), '+15550009101');
SELECT pg_temp.book(2, 9012, pg_temp.day(3), '+15550009101');
SELECT pg_temp.book(3, 9011, pg_temp.day(2), '+15550009101');
SELECT pg_temp.book(4, 9011, pg_temp.day(1), '+15550009101', status => 'HOLD');
SELECT pg_temp.book(5, 9021, pg_temp.day(5), '+15550009101');
UPDATE public.bookings SET appointment_status = 'NO_SHOW' WHERE shop_id = 902;
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9101, 9011, 1),
(9101, 9012, 1),
(9101, 9021, 3),
(9101, 9031, 1);
SELECT results_eq(
    'SELECT shop_id, bookings, booked_cents, no_shows, counted FROM tenancy.evidence WHERE customer_id = 9101 ORDER BY shop_id',
    'VALUES (901, 3::bigint, 12000::bigint, 0::bigint, 2::bigint), (902, 1, 5000, 1, 3), (903, 0, 0, 0, 1)',
    'by shop'
);
SELECT results_eq(
    $$
    SELECT place, shop_id, start_at_utc, price_cents, amount, number
    FROM tenancy.evidence_items
    WHERE customer_id = 9101 AND amount > 0
    ORDER BY place, created_at, booking_id, shop_id
    $$,
    $$
    VALUES
        (1, 901, pg_temp.day(4), 4000, 1::bigint, 1::bigint), -- the oldest is the one that was made first
        (1, 901, pg_temp.day(3), 4000, 1, 2),
        (1, 902, pg_temp.day(5), 5000, 1, 1),
        (2, 902, NULL, NULL, 2, 3),
        (2, 903, NULL, NULL, 1, 1),
        (3, 901, pg_temp.day(2), 4000, 1, 3)
    $$,
    'one by one: what counts confirm, what counts alone show, what is in no count'
);
SELECT results_eq(
    'SELECT amount, is_confirmed FROM tenancy.evidence_items WHERE customer_id = 9101 AND start_at_utc = pg_temp.day(1)',
    'VALUES (0::bigint, FALSE)',
    'a hold is there, and stands for nothing'
);

-- Bookings that a shop's role wrote -------------------------------------------------------------------------------------------------

INSERT INTO tenancy.unproven_bookings (booking_id)
SELECT b.id
FROM public.bookings AS b
WHERE b.shop_id = 901;
SELECT results_eq(
    $$
    SELECT start_at_utc, place, amount, number
    FROM tenancy.evidence_items
    WHERE customer_id = 9101 AND shop_id = 901
    ORDER BY place, created_at
    $$,
    'VALUES (pg_temp.day(4), 1, 1::bigint, 1::bigint), (pg_temp.day(3), 1, 1, 2), (NULL, 2, 0, 3)',
    'are evidence as far as counts confirm them'
);
DELETE FROM tenancy.unproven_bookings AS u
USING public.bookings AS b
WHERE b.id = u.booking_id AND b.start_at_utc = pg_temp.day(4);
SELECT results_eq(
    $$
    SELECT start_at_utc, place, amount, number
    FROM tenancy.evidence_items
    WHERE customer_id = 9101 AND shop_id = 901 AND booking_id IS NOT NULL
    ORDER BY place, created_at
    $$,
    'VALUES (pg_temp.day(4), 1, 1::bigint, 1::bigint), (pg_temp.day(3), 1, 1, 2)',
    'and have what others leave of these'
);
DELETE FROM public.customer_stylist_preferences WHERE (customer_id, stylist_id) = (9101, 9012);
DELETE FROM public.customer_stylist_preferences WHERE (customer_id, stylist_id) = (9101, 9011);
SELECT results_eq(
    'SELECT start_at_utc FROM tenancy.evidence_items WHERE customer_id = 9101 AND shop_id = 901',
    'VALUES (pg_temp.day(4))',
    'and none, without counts'
);
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9011, 1), (9101, 9012, 1);
DELETE FROM tenancy.unproven_bookings;

-- Stylists who move ---------------------------------------------------------------------------------------------------------------

UPDATE public.stylists SET name = 'Wilma' WHERE id = 9031;
SELECT is_empty('SELECT * FROM tenancy.moved_stylists', 'who stays has not moved');
UPDATE public.stylists SET shop_id = 901 WHERE id = 9031;
SELECT results_eq('SELECT stylist_id FROM tenancy.moved_stylists', ARRAY[9031], 'who moves is entered');
SELECT results_eq(
    'SELECT shop_id, counted FROM tenancy.evidence WHERE customer_id = 9101 ORDER BY shop_id',
    'VALUES (901, 2::bigint), (902, 3)',
    'and the counts say nothing any more'
);

-- 9022 moved before the trigger was there, and left a booking behind.
SELECT pg_temp.book(6, 9022, pg_temp.day(6), '+15550009101');
ALTER TABLE public.stylists DISABLE TRIGGER USER;
UPDATE public.stylists SET shop_id = 903 WHERE id = 9022;
SELECT tenancy.note_moved_stylists();
SELECT set_eq('SELECT stylist_id FROM tenancy.moved_stylists', ARRAY[9022, 9031], 'who moved before is seen by their bookings');

SELECT * FROM finish();

ROLLBACK;
