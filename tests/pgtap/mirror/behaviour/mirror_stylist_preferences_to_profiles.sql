-- The mirror of customer_stylist_preferences: the stylist booked most is preferred in the shop, unless another was chosen.
--
-- Which of the counts wins is tested in follow_counts.sql; here, that each write comes to it, and what is written then.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS pgrowlocks;

SELECT plan(37);

\ir ../../helpers/salons.sql

-- '901: 9011, 902: nobody'
CREATE FUNCTION pg_temp.preferred_by(customer integer)
RETURNS text
LANGUAGE sql
AS $$
    SELECT string_agg(format('%s: %s', p.shop_id, coalesce(p.preferred_stylist_id::text, 'nobody')), ', ' ORDER BY p.shop_id)
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = customer;
$$;

SELECT pg_temp.add_customers(9101, 9102);
SAVEPOINT before_write;

-- From the first booking on ------------------------------------------------------------------------------------------------------

INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9012, 1);
SELECT is(pg_temp.profiles_of(9101), 'shop 901: stylist 9012', 'INSERT: the first stylist is preferred; an empty profile is made');
SELECT is(
    pg_temp.legacy_of(9101),
    'no statistics, nothing',
    'nothing is mirrored back: whom customers names is the application''s own affair'
);
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9013, 1);
SELECT is(pg_temp.preferred_by(9101), '901: 9012', 'INSERT: another with as many, a higher id');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9011, 1);
SELECT is(pg_temp.preferred_by(9101), '901: 9011', 'INSERT: another with as many, the lowest id');
UPDATE public.customer_stylist_preferences SET booking_count = 2 WHERE stylist_id = 9013;
SELECT is(pg_temp.preferred_by(9101), '901: 9013', 'UPDATE: one overtakes');
UPDATE public.customer_stylist_preferences SET booking_count = 1 WHERE stylist_id = 9013;
SELECT is(pg_temp.preferred_by(9101), '901: 9011', 'UPDATE: one falls behind');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9022, 5);
SELECT is(pg_temp.preferred_by(9101), '901: 9011, 902: 9022', 'INSERT: another shop counts for itself');
DELETE FROM public.customer_stylist_preferences WHERE stylist_id = 9011;
SELECT is(pg_temp.preferred_by(9101), '901: 9012, 902: 9022', 'DELETE: the next one');
DELETE FROM public.customer_stylist_preferences WHERE stylist_id = 9022;
SELECT is(pg_temp.preferred_by(9101), '901: 9012, 902: nobody', 'DELETE: the only one');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9102, 9013, 9);
SELECT is(
    pg_temp.preferred_by(9101) || ' | ' || pg_temp.preferred_by(9102),
    '901: 9012, 902: nobody | 901: 9013',
    'another customer counts for themselves'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');
ROLLBACK TO SAVEPOINT before_write;

-- Profiles that are there --------------------------------------------------------------------------------------------------------

SELECT pg_temp.add_profile(9101, 901, 5, 20000, pg_temp.day(1), 2);
SELECT pg_temp.add_profile(9101, 902, 3, 15000, pg_temp.day(2));
UPDATE public.customer_shop_profiles SET updated_at = '2020-01-01 00:00+00';
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9101, 9011, 3),
(9101, 9012, 2);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 5 bookings, 20000 cents, day 1, 2 no-shows, stylist 9011; shop 902: 3 bookings, 15000 cents, day 2',
    'the preference alone is written'
);
SELECT set_eq(
    'SELECT p.shop_id FROM public.customer_shop_profiles AS p WHERE p.updated_at = now()',
    ARRAY[901],
    'to that profile alone, which says when'
);
UPDATE public.customer_shop_profiles SET updated_at = '2020-01-01 00:00+00';
UPDATE public.customer_stylist_preferences SET booking_count = 4 WHERE stylist_id = 9011;
UPDATE public.customer_stylist_preferences SET booking_count = 4 WHERE stylist_id = 9012;
UPDATE public.customer_stylist_preferences SET updated_at = now();
SELECT is_empty(
    'SELECT * FROM public.customer_shop_profiles WHERE updated_at = now()',
    'counts that move nobody write no profile'
);
SAVEPOINT before_choice;

-- A choice -----------------------------------------------------------------------------------------------------------------------

SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9013 WHERE shop_id = 901;
SET LOCAL tenancy.mirroring = '';
UPDATE public.customer_stylist_preferences SET booking_count = 9 WHERE stylist_id = 9012;
SELECT is(pg_temp.preferred_by(9101), '901: 9013, 902: nobody', 'a choice stays when one overtakes');
DELETE FROM public.customer_stylist_preferences;
SELECT is(pg_temp.preferred_by(9101), '901: 9013, 902: nobody', 'a choice stays when all go');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9011, 1);
SELECT is(pg_temp.preferred_by(9101), '901: 9013, 902: nobody', 'a choice stays when one comes');
ROLLBACK TO SAVEPOINT before_choice;

-- Whom customers names -----------------------------------------------------------------------------------------------------------

SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customers SET preferred_stylist_id = 9011 WHERE id = 9101;
SET LOCAL tenancy.mirroring = '';
UPDATE public.customer_stylist_preferences SET booking_count = 9 WHERE stylist_id = 9012;
SELECT is(
    pg_temp.preferred_by(9101),
    '901: 9011, 902: nobody',
    'one overtakes, but customers names another of that shop: who is preferred there does not change'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');
UPDATE public.customers SET preferred_stylist_id = 9012 WHERE id = 9101;
SELECT is(pg_temp.preferred_by(9101), '901: 9012, 902: nobody', 'the application moves it next');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9021, 1);
SELECT is(pg_temp.preferred_by(9101), '901: 9012, 902: 9021', 'in another shop, counts move as ever');
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');
ROLLBACK TO SAVEPOINT before_choice;

-- A changed key ------------------------------------------------------------------------------------------------------------------

UPDATE public.customer_stylist_preferences SET stylist_id = 9021 WHERE stylist_id = 9011;
SELECT is(
    pg_temp.preferred_by(9101), '901: 9012, 902: 9021', 'a changed stylist_id: a DELETE for the one, an INSERT for the other'
);
UPDATE public.customer_stylist_preferences SET customer_id = 9102 WHERE stylist_id = 9012;
SELECT is(
    pg_temp.preferred_by(9101) || ' | ' || pg_temp.preferred_by(9102),
    '901: nobody, 902: 9021 | 901: 9012',
    'a changed customer_id: likewise'
);
UPDATE public.customer_stylist_preferences SET id = id + 1000000;
SELECT is(
    pg_temp.preferred_by(9101) || ' | ' || pg_temp.preferred_by(9102),
    '901: nobody, 902: 9021 | 901: 9012',
    'a changed id: nothing'
);
ROLLBACK TO SAVEPOINT before_choice;

-- Many rows, and other statements ------------------------------------------------------------------------------------------------

DELETE FROM public.customer_stylist_preferences;
SELECT is(pg_temp.preferred_by(9101), '901: nobody, 902: nobody', 'DELETE: of all rows of a shop at once, nobody is left');
INSERT INTO public.customer_stylist_preferences AS p (customer_id, stylist_id, booking_count)
VALUES
(9101, 9012, 1),
(9101, 9021, 1),
(9102, 9031, 1);
SELECT is(
    pg_temp.preferred_by(9101) || ' | ' || pg_temp.preferred_by(9102),
    '901: 9012, 902: 9021 | 903: 9031',
    'INSERT: several rows'
);
INSERT INTO public.customer_stylist_preferences AS p (customer_id, stylist_id, booking_count)
VALUES
(9101, 9013, 3),
(9101, 9012, 1)
ON CONFLICT (customer_id, stylist_id)
DO UPDATE SET booking_count = p.booking_count + excluded.booking_count;
SELECT is(pg_temp.preferred_by(9101), '901: 9013, 902: 9021', 'INSERT ... ON CONFLICT DO UPDATE');
COPY public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
FROM PROGRAM 'printf "9102\t9011\t1\n9102\t9022\t1\n"';
SELECT is(pg_temp.preferred_by(9102), '901: 9011, 902: 9022, 903: 9031', 'COPY');
MERGE INTO public.customer_stylist_preferences AS p
USING (VALUES (9101, 9013, -1), (9101, 9011, 2), (9101, 9021, 7)) AS m (customer_id, stylist_id, bookings)
    ON (m.customer_id, m.stylist_id) = (p.customer_id, p.stylist_id)
WHEN MATCHED AND m.bookings < 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET booking_count = m.bookings
WHEN NOT MATCHED THEN
    INSERT (customer_id, stylist_id, booking_count) VALUES (m.customer_id, m.stylist_id, m.bookings);
SELECT is(pg_temp.preferred_by(9101), '901: 9011, 902: 9021', 'MERGE: DELETE, UPDATE and INSERT');
UPDATE public.customer_stylist_preferences
SET booking_count = CASE stylist_id WHEN 9011 THEN 1 WHEN 9012 THEN 8 ELSE booking_count END;
SELECT is(
    pg_temp.preferred_by(9101),
    '901: 9011, 902: 9021',
    'UPDATE: two that change places in one statement: beside the other as it is now, each passes for a choice'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'after all of these: both sides agree');
ROLLBACK TO SAVEPOINT before_choice;

-- Locks --------------------------------------------------------------------------------------------------------------------------

ALTER TABLE public.customer_stylist_preferences DROP CONSTRAINT customer_stylist_preferences_stylist_id_fkey;
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_id_fkey;
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey;
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9013, 1);
SELECT is_empty(
    $$
    SELECT s.id
    FROM pgrowlocks('public.stylists') AS l
    JOIN public.stylists AS s ON s.ctid = l.locked_row
    WHERE s.id = 9013
    $$,
    'a write that moves nobody locks no stylist'
);
UPDATE public.customer_stylist_preferences SET booking_count = 9 WHERE stylist_id = 9013;
SELECT results_eq(
    $$
    SELECT l.modes::text[]
    FROM pgrowlocks('public.stylists') AS l
    JOIN public.stylists AS s ON s.ctid = l.locked_row
    WHERE s.id = 9013
    $$,
    $$VALUES (ARRAY['For Key Share'])$$,
    'one that moves locks whom it moves to, before it looks again at the shop'
);
ROLLBACK TO SAVEPOINT before_choice;

-- A stylist whose own row goes ---------------------------------------------------------------------------------------------------

SELECT lives_ok(
    $$
    WITH preference AS (DELETE FROM public.customer_stylist_preferences WHERE stylist_id = 9011)
    DELETE FROM public.stylists WHERE id = 9011
    $$,
    'a stylist can go, with the counts, in one statement'
);
SELECT is(
    pg_temp.preferred_by(9101), '901: nobody, 902: nobody', 'and then nobody is preferred'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');

SELECT * FROM finish();

ROLLBACK;
