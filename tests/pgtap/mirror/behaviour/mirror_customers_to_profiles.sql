-- The mirror of customers: no-shows by the residual rule, the preferred stylist to the profile of that stylist's shop.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS pgrowlocks;

SELECT plan(46);

\ir ../../helpers/salons.sql

-- INSERT -------------------------------------------------------------------------------------------------------------------------

SAVEPOINT before_insert;
SELECT pg_temp.in_shop('902');
INSERT INTO public.customers (id, phone, preferred_stylist_id, average_spend_cents, no_show_count)
VALUES
(9101, '+15550009101', NULL, 5000, 0),
(9102, '+15550009102', NULL, 0, 2),
(9103, '+15550009103', 9011, 0, 0),
(9104, '+15550009104', 9031, 0, 1);
SELECT is(pg_temp.profiles_of(9101), NULL, 'INSERT: a new customer has no profile');
SELECT is(pg_temp.profiles_of(9102), 'shop 902: 2 no-shows', 'INSERT: no-shows, to the shop of the context');
SELECT is(pg_temp.profiles_of(9103), 'shop 901: stylist 9011', 'INSERT: a preferred stylist, to their shop');
SELECT is(pg_temp.profiles_of(9104), 'shop 902: 1 no-shows; shop 903: stylist 9031', 'INSERT: both');
SELECT is(
    pg_temp.legacy_of(9103), 'no statistics, stylist 9011', 'INSERT: nothing is mirrored back, no statistics are made'
);
ROLLBACK TO SAVEPOINT before_insert;

-- No-shows -----------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.add_customers(9101, 9102);
INSERT INTO public.customers (id, email, average_spend_cents, no_show_count) VALUES (9103, 'cid@example.com', 0, 0);
SELECT pg_temp.add_profile(9101, 901, 3, 12000, pg_temp.day(1), 1, 9011);
SELECT pg_temp.add_profile(9101, 902, 2, 10000, pg_temp.day(2), 3);
SELECT pg_temp.add_profile(9102, 901, 7, 7000, pg_temp.day(7), 7, 9012);
UPDATE public.customer_shop_profiles SET updated_at = '2020-01-01 00:00+00';
SAVEPOINT before_update;

SELECT pg_temp.in_shop('901');
UPDATE public.customers SET no_show_count = 5 WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 2 no-shows, stylist 9011; shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows',
    'no-shows: one more, in the shop of the context'
);
SELECT set_eq(
    'SELECT p.customer_id, p.shop_id FROM public.customer_shop_profiles AS p WHERE p.updated_at = now()',
    'VALUES (9101, 901)',
    'no-shows: no other profile is written'
);
UPDATE public.customers SET no_show_count = 2 WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; shop 902: 2 bookings, 10000 cents, day 2, 2 no-shows',
    'no-shows: a correction that the shop cannot bear is taken from the others'
);
SELECT pg_temp.in_shop('');
UPDATE public.customers SET no_show_count = 3 WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: 1 no-shows; '
    'shop 901: 3 bookings, 12000 cents, day 1, stylist 9011; shop 902: 2 bookings, 10000 cents, day 2, 2 no-shows',
    'no-shows: without a context, to the default shop'
);
SELECT is(pg_temp.legacy_of(9102), '7 bookings, 7000 cents, day 7, 7 no-shows, stylist 9012, average 1000', 'others: as they were');
SELECT is_empty('SELECT * FROM tenancy.drift', 'no-shows: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

SELECT pg_temp.in_shop('902');
UPDATE public.customers
SET
    no_show_count = no_show_count,
    preferred_stylist_id = preferred_stylist_id;
UPDATE public.customers
SET
    average_spend_cents = 99,
    name = 'Ann',
    updated_at = now();
SELECT is_empty(
    'SELECT * FROM public.customer_shop_profiles WHERE updated_at = now()',
    'what is of no shop, and what does not change, writes nothing'
);
UPDATE public.customers SET no_show_count = no_show_count + id - 9100;
SELECT is(
    pg_temp.profiles_of(9101) || ' | ' || pg_temp.profiles_of(9102) || ' | ' || pg_temp.profiles_of(9103),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011; '
    'shop 902: 2 bookings, 10000 cents, day 2, 4 no-shows | '
    'shop 901: 7 bookings, 7000 cents, day 7, 7 no-shows, stylist 9012; shop 902: 2 no-shows | '
    'shop 902: 3 no-shows',
    'one UPDATE of several customers'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'one UPDATE of several customers: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

-- The preferred stylist ----------------------------------------------------------------------------------------------------------

UPDATE public.customers SET preferred_stylist_id = 9012 WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9012; shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows',
    'preferred: another of the same shop'
);
SELECT is(
    pg_temp.legacy_of(9101),
    '5 bookings, 22000 cents, day 2, 4 no-shows, stylist 9012, average 4400',
    'preferred: nothing is mirrored back'
);
UPDATE public.customers SET preferred_stylist_id = 9021 WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9012; '
    'shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows, stylist 9021',
    'preferred: one of another shop; the first keeps its own'
);
UPDATE public.customers SET preferred_stylist_id = 9031 WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9012; '
    'shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows, stylist 9021; '
    'shop 903: stylist 9031',
    'preferred: one of a shop that is new to the customer, which gets an empty profile'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'preferred: both sides agree');
UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9012; '
    'shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows, stylist 9021; '
    'shop 903: nothing',
    'preferred: nobody: the profile that held the old value is cleared, no other'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'preferred: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

SELECT pg_temp.in_shop('902');
UPDATE public.customers SET preferred_stylist_id = 9013 WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9013; shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows',
    'preferred: the stylist''s shop, whatever the context'
);
ROLLBACK TO SAVEPOINT before_update;

-- The profile chose another: NULL in customers takes back what was preferred there, not the choice.
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9013 WHERE customer_id = 9101 AND shop_id = 901;
SET LOCAL tenancy.mirroring = '';
UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9013; shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows',
    'preferred: nobody: a choice of another stylist in that shop stays'
);
ROLLBACK TO SAVEPOINT before_update;

SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customers SET preferred_stylist_id = 9031 WHERE id = 9101;
SET LOCAL tenancy.mirroring = '';
UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9101;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011; shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows',
    'preferred: nobody: where no profile held the old value, none is made'
);
ROLLBACK TO SAVEPOINT before_update;

UPDATE public.customers
SET
    no_show_count = 9,
    preferred_stylist_id = 9031
WHERE id = 9103;
SELECT is(pg_temp.profiles_of(9103), 'shop 1: 9 no-shows; shop 903: stylist 9031', 'both in one UPDATE, each to its own shop');
ROLLBACK TO SAVEPOINT before_update;

SELECT set_eq(
    $$
    SELECT s.id
    FROM pgrowlocks('public.stylists') AS l
    JOIN public.stylists AS s ON s.ctid = l.locked_row
    WHERE 'For Key Share' = ANY (l.modes)
    $$,
    ARRAY[9011, 9012],
    'stylists: those to whom foreign keys refer are locked'
);
UPDATE public.customers SET preferred_stylist_id = NULL WHERE id IN (9101, 9102);
SELECT pg_temp.add_customers(9104);
ALTER TABLE public.customers DROP CONSTRAINT customers_preferred_stylist_id_fkey;
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_id_fkey;
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey;
UPDATE public.customers SET preferred_stylist_id = 9022 WHERE id = 9104;
SELECT set_eq(
    $$
    SELECT s.id
    FROM pgrowlocks('public.stylists') AS l
    JOIN public.stylists AS s ON s.ctid = l.locked_row
    WHERE 'For Key Share' = ANY (l.modes)
    $$,
    ARRAY[9011, 9012, 9022],
    'stylists: the mirror itself locks the one whose shop it reads'
);
ROLLBACK TO SAVEPOINT before_update;

-- Other statements ---------------------------------------------------------------------------------------------------------------

SELECT pg_temp.in_shop('902');
INSERT INTO public.customers AS c (email, average_spend_cents, no_show_count)
VALUES ('cid@example.com', 0, 2)
ON CONFLICT (email)
DO UPDATE SET no_show_count = c.no_show_count + excluded.no_show_count;
SELECT is(pg_temp.profiles_of(9103), 'shop 902: 2 no-shows', 'INSERT ... ON CONFLICT DO UPDATE');
INSERT INTO public.customers AS c (email, average_spend_cents, no_show_count)
VALUES ('cid@example.com', 0, 2)
ON CONFLICT DO NOTHING;
SELECT is(pg_temp.profiles_of(9103), 'shop 902: 2 no-shows', 'INSERT ... ON CONFLICT DO NOTHING');
COPY public.customers (id, phone, preferred_stylist_id, average_spend_cents, no_show_count)
FROM PROGRAM 'printf "9105\t+15550009105\t9011\t0\t4\n9106\t+15550009106\t\\\\N\t0\t0\n"';
SELECT is(pg_temp.profiles_of(9105), 'shop 901: stylist 9011; shop 902: 4 no-shows', 'COPY');
SELECT is(pg_temp.profiles_of(9106), NULL, 'COPY: a customer of whom there is nothing to say');
MERGE INTO public.customers AS c
USING (VALUES (9105, 5), (9107, 6)) AS m (id, no_shows)
    ON m.id = c.id
WHEN MATCHED THEN UPDATE SET no_show_count = m.no_shows
WHEN NOT MATCHED THEN
    INSERT (id, phone, average_spend_cents, no_show_count) VALUES (m.id, '+1555000' || m.id, 0, m.no_shows);
SELECT is(
    pg_temp.profiles_of(9105) || ' | ' || pg_temp.profiles_of(9107),
    'shop 901: stylist 9011; shop 902: 5 no-shows | shop 902: 6 no-shows',
    'MERGE'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'after all of these: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

-- A customer who goes ------------------------------------------------------------------------------------------------------------

SELECT throws_ok(
    'DELETE FROM public.customers WHERE id = 9101',
    '23503',
    NULL,
    'a customer with statistics cannot be deleted, as ever'
);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011; shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows',
    'and then keeps the profiles'
);
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9101, 9011, 3),
(9101, 9021, 2);
DELETE FROM public.customer_stylist_preferences WHERE customer_id = 9101;
DELETE FROM public.customer_booking_stats WHERE customer_id = 9101;
SELECT lives_ok('DELETE FROM public.customers WHERE id = 9101', 'one without statistics can');
SELECT is(pg_temp.profiles_of(9101), NULL, 'and the profiles go, too');
SELECT is_empty('SELECT * FROM public.customer_booking_stats WHERE customer_id = 9101', 'and no statistics come back');
SELECT is(
    pg_temp.profiles_of(9102), 'shop 901: 7 bookings, 7000 cents, day 7, 7 no-shows, stylist 9012', 'others are as they were'
);
ROLLBACK TO SAVEPOINT before_update;

SELECT lives_ok(
    $$
    WITH preference AS (DELETE FROM public.customer_stylist_preferences WHERE customer_id = 9101),
    statistics AS (DELETE FROM public.customer_booking_stats WHERE customer_id = 9101)
    DELETE FROM public.customers WHERE id = 9101
    $$,
    'also in one statement'
);
SELECT is(
    (SELECT count(*) FROM public.customer_shop_profiles WHERE customer_id = 9101), 0::bigint, 'with the profiles'
);
ROLLBACK TO SAVEPOINT before_update;

-- Errors -------------------------------------------------------------------------------------------------------------------------

SELECT throws_ok(
    'UPDATE public.customers SET preferred_stylist_id = 999999 WHERE id = 9101',
    '23503',
    NULL,
    'a stylist who does not exist'
);
SELECT pg_temp.in_shop('North');
SELECT throws_ok(
    'UPDATE public.customers SET no_show_count = 9 WHERE id = 9101', '22023', NULL, 'a shop context that is no shop'
);
SELECT is(
    pg_temp.legacy_of(9101), '5 bookings, 22000 cents, day 2, 4 no-shows, stylist 9011, average 4400', 'nothing is written there'
);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011; shop 902: 2 bookings, 10000 cents, day 2, 3 no-shows',
    'nor to profiles'
);
SELECT is(current_setting('tenancy.mirroring', TRUE), '', 'and the mirrors are on');

SELECT * FROM finish();

ROLLBACK;
