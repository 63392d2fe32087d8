-- The mirror of customer_booking_stats: every write goes to the profile of the shop that it belongs to, by the residual rule.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(53);

\ir ../../helpers/salons.sql

SELECT pg_temp.add_customers(9101, 9102, 9103, 9104);
SAVEPOINT before_write;

-- INSERT -------------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.in_shop('901');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES (9101, 1, 4000, pg_temp.day(1));
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 1 bookings, 4000 cents, day 1',
    'INSERT: a new customer has a profile in that shop, and none in the default shop'
);
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9102, 0, 0);
SELECT is(pg_temp.profiles_of(9102), NULL, 'INSERT: a row of zeros says nothing');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES (9103, 0, 0, pg_temp.day(2));
SELECT is(pg_temp.profiles_of(9103), 'shop 901: day 2', 'INSERT: a row of zeros with a last booking says that');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9104, 0, 300);
SELECT is(pg_temp.profiles_of(9104), 'shop 901: 300 cents', 'INSERT: spend alone');
SELECT is_empty('SELECT * FROM tenancy.drift WHERE customer_id <> 9102', 'INSERT: both sides agree');
ROLLBACK TO SAVEPOINT before_write;

-- A row that comes where profiles are: the legacy side is right.
SELECT pg_temp.add_profile(9101, 901, 3, 12000);
SELECT pg_temp.add_profile(9101, 902, 2, 10000);
SET LOCAL tenancy.mirroring = 'on';
DELETE FROM public.customer_booking_stats;
SET LOCAL tenancy.mirroring = '';
SAVEPOINT before_insert;
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9101, 6, 25000);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: 1 bookings, 3000 cents; shop 901: 3 bookings, 12000 cents; shop 902: 2 bookings, 10000 cents',
    'INSERT: what the profiles do not hold yet'
);
ROLLBACK TO SAVEPOINT before_insert;
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9101, 4, 22000);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: nothing; shop 901: 2 bookings, 12000 cents; shop 902: 2 bookings, 10000 cents',
    'INSERT: less than the profiles hold'
);
ROLLBACK TO SAVEPOINT before_write;

-- UPDATE -------------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.add_profile(9101, 902, 2, 10000, pg_temp.day(2), 1, 9021);
SELECT pg_temp.add_profile(9101, 901, 3, 12000, pg_temp.day(1), 0, 9011);
SELECT pg_temp.add_profile(9102, 901, 7, 7000, pg_temp.day(7));
UPDATE public.customer_shop_profiles SET updated_at = '2020-01-01 00:00+00';
SAVEPOINT before_update;

SELECT pg_temp.in_shop('902');
UPDATE public.customer_booking_stats
SET
    total_bookings = 6,
    total_spend_cents = 27000,
    last_booking_at = pg_temp.day(5)
WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 3 bookings, 15000 cents, day 5, 1 no-shows, stylist 9021',
    'UPDATE: the shop gets what is new, no-shows and stylists stay'
);
SELECT set_eq(
    $$
    SELECT p.customer_id, p.shop_id
    FROM public.customer_shop_profiles AS p
    WHERE p.updated_at = now()
    $$,
    'VALUES (9101, 902)',
    'UPDATE: of that profile alone, which says when'
);
SELECT is(
    pg_temp.legacy_of(9101),
    '6 bookings, 27000 cents, day 5, 1 no-shows, stylist 9021, average 4400',
    'UPDATE: nothing is mirrored back; the average is the application''s own affair'
);
SELECT pg_temp.in_shop('');
SELECT pg_temp.book(1, 9021, pg_temp.day(6), '+15550009101');
UPDATE public.customer_booking_stats
SET
    total_bookings = 7,
    total_spend_cents = 32000,
    last_booking_at = pg_temp.day(6)
WHERE customer_id = 9101;
SELECT is(
    pg_temp.legacy_of(9101),
    '7 bookings, 32000 cents, day 6, 1 no-shows, stylist 9021, average 4571',
    'UPDATE: unless it counts a booking that this transaction confirmed'
);
SELECT pg_temp.in_shop('903');
UPDATE public.customer_booking_stats
SET
    total_bookings = 8,
    total_spend_cents = 38000,
    last_booking_at = pg_temp.day(7)
WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 4 bookings, 20000 cents, day 6, 1 no-shows, stylist 9021; '
    'shop 903: 1 bookings, 6000 cents, day 7',
    'UPDATE: a shop that is new to the customer gets a profile'
);
UPDATE public.customer_booking_stats
SET
    total_bookings = 5,
    total_spend_cents = 26000
WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 2 bookings, 14000 cents, day 6, 1 no-shows, stylist 9021; '
    'shop 903: day 7',
    'UPDATE: a correction that its shop cannot bear is taken from the largest'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'UPDATE: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

SELECT pg_temp.in_shop('902');
UPDATE public.customer_booking_stats SET updated_at = now();
UPDATE public.customer_booking_stats SET total_bookings = total_bookings;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 2 bookings, 10000 cents, day 2, 1 no-shows, stylist 9021',
    'UPDATE: what changes nothing changes no profile'
);
UPDATE public.customer_booking_stats SET last_booking_at = pg_temp.day(8) WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 2 bookings, 10000 cents, day 8, 1 no-shows, stylist 9021',
    'UPDATE: a last booking alone'
);
UPDATE public.customer_booking_stats SET last_booking_at = NULL WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 2 bookings, 10000 cents, day 8, 1 no-shows, stylist 9021',
    'UPDATE: a last booking that goes is not copied'
);
UPDATE public.customer_booking_stats SET total_bookings = 6 WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 3 bookings, 10000 cents, day 8, 1 no-shows, stylist 9021',
    'UPDATE: nor does a last booking that is NULL'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'UPDATE: both sides agree still');
ROLLBACK TO SAVEPOINT before_update;

-- A last booking that the write leaves as it is belongs to another shop, and is not copied.
SELECT pg_temp.in_shop('902');
UPDATE public.customer_booking_stats SET total_bookings = 6 WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 3 bookings, 10000 cents, day 2, 1 no-shows, stylist 9021',
    'UPDATE: a last booking that stays is not copied'
);
ROLLBACK TO SAVEPOINT before_update;

-- Without a context the booking places it, and then the last booking.
SELECT pg_temp.book(1, 9031, pg_temp.day(9), '+15550009101', status => 'HOLD');
UPDATE public.customer_booking_stats
SET
    total_bookings = 6,
    last_booking_at = pg_temp.day(9)
WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 2 bookings, 10000 cents, day 2, 1 no-shows, stylist 9021; '
    'shop 903: 1 bookings, day 9',
    'UPDATE: to the shop of the booking that starts then'
);
UPDATE public.customer_booking_stats
SET
    total_bookings = 7,
    last_booking_at = pg_temp.day(2)
WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 3 bookings, 10000 cents, day 2, 1 no-shows, stylist 9021; '
    'shop 903: 1 bookings, day 9',
    'UPDATE: it can go backwards'
);
UPDATE public.customer_booking_stats SET total_spend_cents = 25000 WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 3 bookings, 13000 cents, day 2, 1 no-shows, stylist 9021; '
    'shop 903: 1 bookings, day 9',
    'UPDATE: and where it stays, it still says the shop'
);
UPDATE public.customer_booking_stats
SET
    total_bookings = 8,
    last_booking_at = NULL
WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: 1 bookings; '
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 3 bookings, 13000 cents, day 2, 1 no-shows, stylist 9021; '
    'shop 903: 1 bookings, day 9',
    'UPDATE: without anything, to the default shop'
);
ROLLBACK TO SAVEPOINT before_update;

-- What drifted is healed by the next write.
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_shop_profiles SET total_bookings = 40 WHERE customer_id = 9101 AND shop_id = 902;
SET LOCAL tenancy.mirroring = '';
SELECT pg_temp.in_shop('902');
UPDATE public.customer_booking_stats SET total_bookings = 6 WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 3 bookings, 10000 cents, day 2, 1 no-shows, stylist 9021',
    'UPDATE: what drifted before is healed'
);
ROLLBACK TO SAVEPOINT before_update;

-- DELETE -------------------------------------------------------------------------------------------------------------------------

DELETE FROM public.customer_booking_stats WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: day 1, stylist 9011; shop 902: day 2, 1 no-shows, stylist 9021',
    'DELETE: the totals are zero; last bookings, no-shows and stylists stay'
);
SELECT is(pg_temp.profiles_of(9102), 'shop 901: 7 bookings, 7000 cents, day 7', 'DELETE: of that customer alone');
SELECT is_empty('SELECT * FROM tenancy.drift', 'DELETE: both sides agree');
SELECT pg_temp.in_shop('902');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9101, 1, 5000);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: day 1, stylist 9011; shop 902: 1 bookings, 5000 cents, day 2, 1 no-shows, stylist 9021',
    'DELETE: and INSERT begins from zero'
);
ROLLBACK TO SAVEPOINT before_update;

SET LOCAL tenancy.mirroring = 'on';
DELETE FROM public.customer_shop_profiles;
SET LOCAL tenancy.mirroring = '';
DELETE FROM public.customer_booking_stats;
SELECT is_empty('SELECT * FROM public.customer_shop_profiles', 'DELETE: without profiles, none is made');
ROLLBACK TO SAVEPOINT before_update;

-- A changed customer_id ----------------------------------------------------------------------------------------------------------

SELECT pg_temp.in_shop('903');
UPDATE public.customer_booking_stats SET customer_id = 9103 WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: day 1, stylist 9011; shop 902: day 2, 1 no-shows, stylist 9021',
    'a changed customer_id: a DELETE for the one'
);
SELECT is(pg_temp.profiles_of(9103), 'shop 903: 5 bookings, 22000 cents, day 1', 'and an INSERT for the other');
SELECT is_empty('SELECT * FROM tenancy.drift', 'a changed customer_id: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

-- Many rows, and other statements ------------------------------------------------------------------------------------------------

SELECT pg_temp.in_shop('903');
UPDATE public.customer_booking_stats SET total_bookings = total_bookings + customer_id - 9100;
SELECT is(
    pg_temp.profiles_of(9101) || ' | ' || pg_temp.profiles_of(9102),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; '
    'shop 902: 2 bookings, 10000 cents, day 2, 1 no-shows, stylist 9021; '
    'shop 903: 1 bookings | '
    'shop 901: 7 bookings, 7000 cents, day 7; shop 903: 2 bookings',
    'one UPDATE of several customers'
);

INSERT INTO public.customer_booking_stats AS s (customer_id, total_bookings, total_spend_cents)
VALUES
(9102, 1, 100),
(9103, 1, 100)
ON CONFLICT (customer_id)
DO UPDATE SET total_bookings = s.total_bookings + excluded.total_bookings;
SELECT is(
    pg_temp.profiles_of(9102) || ' | ' || pg_temp.profiles_of(9103),
    'shop 901: 7 bookings, 7000 cents, day 7; shop 903: 3 bookings | shop 903: 1 bookings, 100 cents',
    'INSERT ... ON CONFLICT DO UPDATE'
);
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
VALUES (9102, 99, 99)
ON CONFLICT DO NOTHING;
SELECT is(
    pg_temp.profiles_of(9102),
    'shop 901: 7 bookings, 7000 cents, day 7; shop 903: 3 bookings',
    'INSERT ... ON CONFLICT DO NOTHING'
);

COPY public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
FROM PROGRAM 'printf "9104\t4\t24000\n"';
SELECT is(pg_temp.profiles_of(9104), 'shop 903: 4 bookings, 24000 cents', 'COPY');

MERGE INTO public.customer_booking_stats AS s
USING (VALUES (9103, 0), (9104, 5), (9102, 1)) AS m (customer_id, bookings)
    ON m.customer_id = s.customer_id
WHEN MATCHED AND m.bookings = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET total_bookings = s.total_bookings + m.bookings;
SELECT is(
    pg_temp.profiles_of(9103) || ' | ' || pg_temp.profiles_of(9104),
    'shop 903: nothing | shop 903: 9 bookings, 24000 cents',
    'MERGE: DELETE and UPDATE'
);
MERGE INTO public.customer_booking_stats AS s
USING (VALUES (9103, 3)) AS m (customer_id, bookings)
    ON m.customer_id = s.customer_id
WHEN NOT MATCHED THEN
    INSERT (customer_id, total_bookings, total_spend_cents) VALUES (m.customer_id, m.bookings, 0);
SELECT is(pg_temp.profiles_of(9103), 'shop 903: 3 bookings', 'MERGE: INSERT');

WITH gone AS (
    DELETE FROM public.customer_booking_stats
    WHERE customer_id = 9104
    RETURNING total_bookings
)

UPDATE public.customer_booking_stats AS s
SET total_bookings = s.total_bookings + g.total_bookings
FROM gone AS g
WHERE s.customer_id = 9103;
SELECT is(
    pg_temp.profiles_of(9103) || ' | ' || pg_temp.profiles_of(9104),
    'shop 903: 12 bookings | shop 903: nothing',
    'two writes in one statement'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'after all of these: both sides agree');
ROLLBACK TO SAVEPOINT before_write;

-- Customers without profiles -----------------------------------------------------------------------------------------------------

-- History of the time before the mirrors: two bookings in shop 901, one in 902, and one that no booking shows.
SET LOCAL tenancy.mirroring = 'on';
SELECT pg_temp.book(1, 9011, pg_temp.day(1), '+15550009101');
SELECT pg_temp.book(2, 9012, pg_temp.day(2), '+15550009101');
SELECT pg_temp.book(3, 9021, pg_temp.day(3), '+15550009101');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES (9101, 4, 16000, pg_temp.day(3));
UPDATE public.customers
SET
    no_show_count = 2,
    preferred_stylist_id = 9012
WHERE id = 9101;
SET LOCAL tenancy.mirroring = '';
SET LOCAL tenancy.confirmed = '';
SELECT is(pg_temp.profiles_of(9101), NULL, 'a customer with history, and no profile');
SAVEPOINT without_profiles;

SELECT pg_temp.book(4, 9031, pg_temp.day(4), '+15550009101', status => 'HOLD');
UPDATE public.customer_booking_stats
SET
    total_bookings = 5,
    total_spend_cents = 22000,
    last_booking_at = pg_temp.day(4)
WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: nothing; '
    'shop 901: 2 bookings, 8000 cents, day 2, stylist 9012; '
    'shop 902: 2 bookings, 8000 cents, day 3, 2 no-shows; '
    'shop 903: 1 bookings, 6000 cents, day 4',
    'UPDATE: what was before goes to the shops of its bookings, what is new to this shop'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'UPDATE: both sides agree');
ROLLBACK TO SAVEPOINT without_profiles;

SELECT pg_temp.in_shop('903');
UPDATE public.customer_booking_stats SET last_booking_at = NULL WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: nothing; '
    'shop 901: 2 bookings, 8000 cents, day 2, stylist 9012; '
    'shop 902: 2 bookings, 8000 cents, day 3, 2 no-shows; '
    'shop 903: nothing',
    'UPDATE: the last booking of before, too'
);
ROLLBACK TO SAVEPOINT without_profiles;

SELECT pg_temp.in_shop('903');
UPDATE public.customer_booking_stats SET customer_id = 9102 WHERE customer_id = 9101;
SELECT is(
    pg_temp.profiles_of(9102),
    'shop 903: 4 bookings, 16000 cents, day 3',
    'a changed customer_id: whose history it was, the bookings do not say'
);
SELECT is(pg_temp.profiles_of(9101), NULL, 'and the customer whom it leaves has nothing to zero');
ROLLBACK TO SAVEPOINT without_profiles;

-- Without earlier totals there is no history: no empty profile in the default shop.
SET LOCAL tenancy.mirroring = 'on';
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9104, 0, 0);
SET LOCAL tenancy.mirroring = '';
SELECT pg_temp.in_shop('903');
UPDATE public.customer_booking_stats SET total_bookings = 1 WHERE customer_id = 9104;
SELECT is(pg_temp.profiles_of(9104), 'shop 903: 1 bookings', 'UPDATE of zeros: the first profile is that of the shop');
ROLLBACK TO SAVEPOINT without_profiles;

-- Errors -------------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.in_shop('999');
SELECT throws_ok(
    'UPDATE public.customer_booking_stats SET total_bookings = 9',
    '22023',
    NULL,
    'a shop context that is no shop'
);
SELECT throws_ok(
    'INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9102, 1, 1)',
    '22023',
    NULL,
    'also for an INSERT'
);
SELECT is(pg_temp.legacy_of(9101), '4 bookings, 16000 cents, day 3, 2 no-shows, stylist 9012', 'nothing is written there');
SELECT is(pg_temp.profiles_of(9101), NULL, 'nor to profiles');
SELECT is(current_setting('tenancy.mirroring', TRUE), '', 'and the mirrors are on');

SELECT * FROM finish();

ROLLBACK;
