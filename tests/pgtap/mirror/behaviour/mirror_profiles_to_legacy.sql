-- The mirror of customer_shop_profiles: what changed goes to the legacy side, as a difference.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS pgrowlocks;

SELECT plan(74);

\ir ../../helpers/salons.sql

SELECT pg_temp.add_customers(9101, 9102, 9103);
SELECT pg_temp.add_profile(9102, 901, 7, 7000, pg_temp.day(7), 7, 9012);
SAVEPOINT before_insert;

-- INSERT -------------------------------------------------------------------------------------------------------------------------

INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9101, 901);
SELECT is(pg_temp.legacy_of(9101), 'no statistics, nothing', 'INSERT: an empty profile says nothing');
INSERT INTO public.customer_shop_profiles (
    customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at, no_show_count, preferred_stylist_id
)
VALUES (9101, 902, 3, 10000, pg_temp.day(1), 1, 9021);
SELECT is(
    pg_temp.legacy_of(9101),
    '3 bookings, 10000 cents, day 1, 1 no-shows, stylist 9021, average 3333',
    'INSERT: statistics are made, and customers written'
);
INSERT INTO public.customer_shop_profiles (
    customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at, no_show_count, preferred_stylist_id
)
VALUES (9101, 903, 1, 6000, pg_temp.day(2), 2, 9031);
SELECT is(
    pg_temp.legacy_of(9101),
    '4 bookings, 16000 cents, day 2, 3 no-shows, stylist 9021, average 4000',
    'INSERT: another is added; customers names a stylist of another shop already'
);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: nothing; shop 902: 3 bookings, 10000 cents, day 1, 1 no-shows, stylist 9021; '
    'shop 903: 1 bookings, 6000 cents, day 2, 2 no-shows, stylist 9031',
    'INSERT: nothing is mirrored back'
);
INSERT INTO public.customer_shop_profiles (customer_id, shop_id, last_booking_at) VALUES (9103, 901, pg_temp.day(3));
SELECT is(pg_temp.legacy_of(9103), 'no statistics, nothing', 'INSERT: a last booking alone makes no statistics');
SELECT results_eq(
    $$
    SELECT l.modes::text[]
    FROM pgrowlocks('public.customers') AS l
    JOIN public.customers AS c ON c.ctid = l.locked_row
    WHERE c.id = 9103
    $$,
    $$VALUES (ARRAY['For No Key Update'])$$,
    'INSERT: but it locks the customer, as all that there is to mirror does'
);
INSERT INTO public.customer_shop_profiles (customer_id, shop_id, preferred_stylist_id) VALUES (9103, 902, 9022);
SELECT is(pg_temp.legacy_of(9103), 'no statistics, stylist 9022', 'INSERT: nor does a preference');
SELECT is(
    pg_temp.legacy_of(9102),
    '7 bookings, 7000 cents, day 7, 7 no-shows, stylist 9012, average 1000',
    'INSERT: others are as they were'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'INSERT: both sides agree');
ROLLBACK TO SAVEPOINT before_insert;

-- UPDATE -------------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.add_profile(9101, 901, 3, 12000, pg_temp.day(1), 1, 9011);
SELECT pg_temp.add_profile(9101, 902, 2, 10000, pg_temp.day(2), 0, 9021);
UPDATE public.customers SET updated_at = '2020-01-01 00:00+00';
UPDATE public.customer_booking_stats SET updated_at = '2020-01-01 00:00+00';
SELECT is(
    pg_temp.legacy_of(9101),
    '5 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 4400',
    'two profiles to begin with'
);
SAVEPOINT before_update;

SELECT
    is(
        pg_temp.what_if(
            format(
                'UPDATE public.customer_shop_profiles SET %s WHERE customer_id = 9101 AND shop_id = %s', e.assignment, e.shop
            ),
            'pg_temp.legacy_of(9101)'
        ),
        e.expected,
        format('UPDATE in shop %s: %s', e.shop, e.assignment)
    )
FROM (
    VALUES
    (
        1, 901, 'total_bookings = total_bookings + 1',
        '6 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 3666'
    ),
    (2, 901, 'total_bookings = 0', '2 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 11000'),
    (3, 902, 'total_bookings = 0', '3 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 7333'),
    (
        4, 901, 'total_spend_cents = total_spend_cents + 4',
        '5 bookings, 22004 cents, day 2, 1 no-shows, stylist 9011, average 4400'
    ),
    (5, 901, 'total_spend_cents = 0', '5 bookings, 10000 cents, day 2, 1 no-shows, stylist 9011, average 2000'),
    (6, 901, 'no_show_count = 3', '5 bookings, 22000 cents, day 2, 3 no-shows, stylist 9011, average 4400'),
    (7, 901, 'no_show_count = 0', '5 bookings, 22000 cents, day 2, stylist 9011, average 4400'),
    -- The last booking that was written
    (
        8, 901, 'last_booking_at = pg_temp.day(3)',
        '5 bookings, 22000 cents, day 3, 1 no-shows, stylist 9011, average 4400'
    ),
    (
        9, 901, 'last_booking_at = pg_temp.day(0)',
        '5 bookings, 22000 cents, day 0, 1 no-shows, stylist 9011, average 4400'
    ),
    (10, 901, 'last_booking_at = NULL', '5 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 4400'),
    -- The statistics hold that of shop 902: when it goes, another takes its place.
    (11, 902, 'last_booking_at = NULL', '5 bookings, 22000 cents, day 1, 1 no-shows, stylist 9011, average 4400'),
    -- customers names a stylist of shop 901, and so follows that shop alone.
    (12, 901, 'preferred_stylist_id = 9012', '5 bookings, 22000 cents, day 2, 1 no-shows, stylist 9012, average 4400'),
    (13, 901, 'preferred_stylist_id = NULL', '5 bookings, 22000 cents, day 2, 1 no-shows, average 4400'),
    (14, 902, 'preferred_stylist_id = 9022', '5 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 4400'),
    (15, 902, 'preferred_stylist_id = NULL', '5 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 4400'),
    (
        16, 902,
        'total_bookings = 3, total_spend_cents = 16000, last_booking_at = pg_temp.day(4), no_show_count = 1, '
        'preferred_stylist_id = 9022',
        '6 bookings, 28000 cents, day 4, 2 no-shows, stylist 9011, average 4666'
    )
) AS e (position, shop, assignment, expected)
ORDER BY e.position;

UPDATE public.customer_shop_profiles
SET
    id = id + 1000000,
    created_at = now(),
    updated_at = now(),
    total_bookings = total_bookings,
    preferred_stylist_id = preferred_stylist_id;
SELECT is_empty(
    $$
    SELECT c.id FROM public.customers AS c WHERE c.updated_at = now() AND c.id <> 9103
    UNION ALL
    SELECT s.customer_id FROM public.customer_booking_stats AS s WHERE s.updated_at = now()
    $$,
    'UPDATE: what changes nothing that the legacy side has writes nothing there'
);
UPDATE public.customer_shop_profiles SET no_show_count = 5 WHERE customer_id = 9101 AND shop_id = 902;
SELECT is_empty(
    'SELECT * FROM public.customer_booking_stats WHERE updated_at = now()',
    'UPDATE: no-shows alone write no statistics'
);
SELECT set_eq(
    'SELECT c.id FROM public.customers AS c WHERE c.updated_at = now()',
    ARRAY[9101],
    'UPDATE: customers say when, and no other customer is written'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'UPDATE: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET last_booking_at = NULL WHERE customer_id = 9101',
        'pg_temp.legacy_of(9101)'
    ),
    '5 bookings, 22000 cents, 1 no-shows, stylist 9011, average 4400',
    'UPDATE: when the last bookings of all profiles go, that of the statistics goes'
);
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET total_bookings = 0 WHERE customer_id = 9101',
        'pg_temp.legacy_of(9101)'
    ),
    '22000 cents, day 2, 1 no-shows, stylist 9011',
    'UPDATE: without bookings the average is 0'
);

-- A third profile: the statistics hold its last booking, and then one that is not the latest.
SELECT pg_temp.add_profile(9101, 903, 1, 6000, pg_temp.day(3));
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET last_booking_at = NULL WHERE customer_id = 9101 AND shop_id = 903',
        'pg_temp.legacy_of(9101)'
    ),
    '6 bookings, 28000 cents, day 2, 1 no-shows, stylist 9011, average 4666',
    'UPDATE: of those that are left, the latest takes its place'
);
UPDATE public.customer_shop_profiles SET last_booking_at = pg_temp.day(1) WHERE customer_id = 9101 AND shop_id = 901;
UPDATE public.customer_shop_profiles SET last_booking_at = pg_temp.day(0) WHERE customer_id = 9101 AND shop_id = 901;
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET last_booking_at = NULL WHERE customer_id = 9101 AND shop_id = 903',
        'pg_temp.legacy_of(9101)'
    ),
    '6 bookings, 28000 cents, day 0, 1 no-shows, stylist 9011, average 4666',
    'UPDATE: one that the statistics do not hold can go'
);
ROLLBACK TO SAVEPOINT before_update;

-- customers names nobody: it follows whichever shop is written.
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9101;
SET LOCAL tenancy.mirroring = '';
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9022 WHERE customer_id = 9101 AND shop_id = 902',
        'pg_temp.legacy_of(9101)'
    ),
    '5 bookings, 22000 cents, day 2, 1 no-shows, stylist 9022, average 4400',
    'UPDATE: customers names nobody, and so follows any shop'
);
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET no_show_count = 1 WHERE customer_id = 9101 AND shop_id = 902',
        'pg_temp.legacy_of(9101)'
    ),
    '5 bookings, 22000 cents, day 2, 2 no-shows, average 4400',
    'UPDATE: but only where the preference changes'
);
ROLLBACK TO SAVEPOINT before_update;

-- The statistics hold history that no profile shows: it stays.
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_booking_stats SET total_bookings = 50, total_spend_cents = 100000 WHERE customer_id = 9101;
UPDATE public.customers SET no_show_count = 10 WHERE id = 9101;
SET LOCAL tenancy.mirroring = '';
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1, no_show_count = no_show_count + 1 '
        'WHERE customer_id = 9101',
        'pg_temp.legacy_of(9101)'
    ),
    '52 bookings, 100000 cents, day 2, 12 no-shows, stylist 9011, average 1923',
    'UPDATE: differences are added, whatever the statistics hold besides'
);
ROLLBACK TO SAVEPOINT before_update;

-- No statistics at all
SET LOCAL tenancy.mirroring = 'on';
DELETE FROM public.customer_booking_stats;
SET LOCAL tenancy.mirroring = '';
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET last_booking_at = pg_temp.day(9) WHERE customer_id = 9101 AND shop_id = 901',
        'pg_temp.legacy_of(9101)'
    ),
    'no statistics, 1 no-shows, stylist 9011, average 4400',
    'UPDATE: without statistics, a last booking alone makes none'
);
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_shop_profiles SET total_bookings = 4, last_booking_at = pg_temp.day(9) '
        'WHERE customer_id = 9101 AND shop_id = 901',
        'pg_temp.legacy_of(9101)'
    ),
    '1 bookings, day 9, 1 no-shows, stylist 9011',
    'UPDATE: totals do, from zero'
);
ROLLBACK TO SAVEPOINT before_update;

-- DELETE -------------------------------------------------------------------------------------------------------------------------

DELETE FROM public.customer_shop_profiles WHERE customer_id = 9101 AND shop_id = 902;
SELECT is(
    pg_temp.legacy_of(9101),
    '3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011, average 4000',
    'DELETE: its totals go, and the last booking is that of a profile that is left'
);
DELETE FROM public.customer_shop_profiles WHERE customer_id = 9101 AND shop_id = 901;
SELECT is(pg_temp.legacy_of(9101), 'nothing', 'DELETE: of the last one, the statistics are zero, and nobody is preferred');
SELECT is(
    pg_temp.legacy_of(9102),
    '7 bookings, 7000 cents, day 7, 7 no-shows, stylist 9012, average 1000',
    'DELETE: others are as they were'
);
SELECT is_empty($$SELECT * FROM tenancy.drift WHERE kind <> 'missing_profile'$$, 'DELETE: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

DELETE FROM public.customer_shop_profiles WHERE customer_id = 9101;
SELECT is(pg_temp.legacy_of(9101), 'nothing', 'DELETE: all in one statement');
ROLLBACK TO SAVEPOINT before_update;

DELETE FROM public.services WHERE shop_id = 901;
UPDATE public.customers SET preferred_stylist_id = NULL;
DELETE FROM public.stylists WHERE shop_id = 901;
SELECT lives_ok('DELETE FROM public.shops WHERE id = 901', 'DELETE: a shop that closes');
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: 3 bookings, 12000 cents, day 1, 1 no-shows; shop 902: 2 bookings, 10000 cents, day 2, stylist 9021',
    'leaves its history to the default shop'
);
SELECT is(pg_temp.legacy_of(9101), '5 bookings, 22000 cents, day 2, 1 no-shows, average 4400', 'and the totals as they were');
SELECT is_empty('SELECT * FROM tenancy.drift WHERE customer_id = 9101', 'both sides agree');
ROLLBACK TO SAVEPOINT before_update;

-- A changed key ------------------------------------------------------------------------------------------------------------------

UPDATE public.customer_shop_profiles
SET
    shop_id = 903,
    preferred_stylist_id = NULL
WHERE customer_id = 9101 AND shop_id = 901;
SELECT is(
    pg_temp.legacy_of(9101),
    '5 bookings, 22000 cents, day 1, 1 no-shows, average 4400',
    'a changed shop_id: a DELETE and an INSERT: the totals stay, the last booking is that of the new one'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'a changed shop_id: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

UPDATE public.customer_shop_profiles SET customer_id = 9103 WHERE customer_id = 9101 AND shop_id = 901;
SELECT is(
    pg_temp.legacy_of(9101) || ' | ' || pg_temp.legacy_of(9103),
    '2 bookings, 10000 cents, day 2, average 5000 | 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011, average 4000',
    'a changed customer_id: a DELETE for the one, an INSERT for the other'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'a changed customer_id: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

-- Many rows, and other statements ------------------------------------------------------------------------------------------------

UPDATE public.customer_shop_profiles
SET
    total_bookings = total_bookings + 1,
    total_spend_cents = total_spend_cents + shop_id;
SELECT is(
    pg_temp.legacy_of(9101) || ' | ' || pg_temp.legacy_of(9102),
    '7 bookings, 23803 cents, day 2, 1 no-shows, stylist 9011, average 3400 | '
    '8 bookings, 7901 cents, day 7, 7 no-shows, stylist 9012, average 987',
    'one UPDATE of several profiles of several customers'
);
INSERT INTO public.customer_shop_profiles AS p (customer_id, shop_id, total_bookings)
VALUES
(9101, 902, 10),
(9103, 903, 10)
ON CONFLICT (customer_id, shop_id)
DO UPDATE SET total_bookings = p.total_bookings + excluded.total_bookings;
INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
VALUES (9103, 903, 99)
ON CONFLICT DO NOTHING;
SELECT is(
    pg_temp.legacy_of(9101) || ' | ' || pg_temp.legacy_of(9103),
    '17 bookings, 23803 cents, day 2, 1 no-shows, stylist 9011, average 1400 | 10 bookings',
    'INSERT ... ON CONFLICT'
);
COPY public.customer_shop_profiles (customer_id, shop_id, total_bookings, total_spend_cents)
FROM PROGRAM 'printf "9103\t901\t1\t100\n9103\t902\t1\t200\n"';
SELECT is(pg_temp.legacy_of(9103), '12 bookings, 300 cents, average 25', 'COPY');
MERGE INTO public.customer_shop_profiles AS p
USING (VALUES (9103, 901, -1), (9103, 902, 5), (9103, 1, 7)) AS m (customer_id, shop_id, bookings)
    ON (m.customer_id, m.shop_id) = (p.customer_id, p.shop_id)
WHEN MATCHED AND m.bookings < 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET total_bookings = m.bookings
WHEN NOT MATCHED THEN
    INSERT (customer_id, shop_id, total_bookings) VALUES (m.customer_id, m.shop_id, m.bookings);
SELECT is(pg_temp.legacy_of(9103), '22 bookings, 200 cents, average 9', 'MERGE: DELETE, UPDATE and INSERT');
SELECT is_empty('SELECT * FROM tenancy.drift', 'after all of these: both sides agree');
ROLLBACK TO SAVEPOINT before_update;

-- Errors -------------------------------------------------------------------------------------------------------------------------

SELECT
    throws_ok(
        format('INSERT INTO public.customer_shop_profiles (customer_id, shop_id, %s', e.rest),
        e.sqlstate,
        NULL,
        e.why
    )
FROM (
    VALUES
    (1, 'total_bookings) VALUES (-1, 901, 1)', '23503', 'a customer who does not exist'),
    (2, 'total_bookings) VALUES (9101, 999, 1)', '23503', 'a shop that does not exist'),
    (3, 'preferred_stylist_id) VALUES (9101, 903, 999999)', '23503', 'a stylist who does not exist'),
    (4, 'preferred_stylist_id) VALUES (9101, 903, 9011)', '23503', 'a stylist of another shop'),
    (5, 'total_bookings) VALUES (9101, 901, 1)', '23505', 'a second profile in one shop'),
    (6, 'total_bookings) VALUES (9101, 903, -1)', '23514', 'bookings below zero'),
    (7, 'total_spend_cents) VALUES (9101, 903, -1)', '23514', 'spend below zero'),
    (8, 'no_show_count) VALUES (9101, 903, -1)', '23514', 'no-shows below zero')
) AS e (position, rest, sqlstate, why)
ORDER BY e.position;
SELECT is(
    pg_temp.legacy_of(9101),
    '5 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 4400',
    'nothing of it is on the legacy side'
);
SELECT is(current_setting('tenancy.mirroring', TRUE), '', 'and the mirrors are on');

-- What all shops share is 32 bits wide -------------------------------------------------------------------------------------------

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.legacy_of(9101)'), e.expected, e.why)
FROM (
    VALUES
    (
        1,
        'INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings) VALUES (9101, 903, 2147483647)',
        '2000000000 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011',
        'more than it holds: room is left for the legacy application'
    ),
    (
        2,
        'INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_spend_cents, no_show_count) '
        'VALUES (9101, 903, 2147483647, 2147483647)',
        '5 bookings, 2000000000 cents, day 2, 2000000000 no-shows, stylist 9011, average 400000000',
        'spend and no-shows, too'
    )
) AS e (position, statement, expected, why)
ORDER BY e.position;
SELECT is(tenancy.added(e.total, e.difference), e.expected, format('%s and %s more', e.total, e.difference))
FROM (
    VALUES
    (1, 1999999999, 5, 2000000000),
    (2, 2100000000, 5, 2100000000),
    (3, 2147483647, 2147483647, 2147483647),
    (4, 2147483647, -5, 2147483642),
    (5, -5, 3, -2)
) AS e (position, total, difference, expected)
ORDER BY e.position;

SELECT * FROM finish();

ROLLBACK;
