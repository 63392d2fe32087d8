-- Which shop a legacy write belongs to: the five rules, each before the next.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(55);

\ir ../../helpers/salons.sql

SELECT pg_temp.add_customers(9101, 9102, 9103);
INSERT INTO public.customers (id, phone, email, average_spend_cents, no_show_count)
VALUES (9104, '+15550009101', 'ann@example.com', 0, 0); -- the phone of 9101

-- The shop context ---------------------------------------------------------------------------------------------------------------

SELECT is(tenancy.checked_shop_context(), NULL, 'context: NULL when it was never set');
SAVEPOINT before_context;
SELECT pg_temp.in_shop('902');
SELECT is(tenancy.checked_shop_context(), 902, 'context: a shop');
ROLLBACK TO SAVEPOINT before_context;
SELECT is(current_setting('app.current_shop_id', TRUE), '', 'context: after a SET LOCAL the setting is empty, not NULL');
SELECT is(tenancy.checked_shop_context(), NULL, 'context: which is none');
SELECT pg_temp.in_shop('0902');
SELECT is(tenancy.checked_shop_context(), 902, 'context: leading zeros are harmless');
INSERT INTO public.shops (id, name) VALUES (2147483647, 'Last');
SELECT pg_temp.in_shop('2147483647');
SELECT is(tenancy.checked_shop_context(), 2147483647, 'context: the greatest id that there is');

SELECT
    throws_ok(
        format('SELECT tenancy.checked_shop_context() FROM set_config(%L, %L, TRUE)', 'app.current_shop_id', e.context),
        '22023',
        format(
            'app.current_shop_id is "%s", not the id of a shop: SET LOCAL app.current_shop_id = ''<id>''',
            tenancy.printable(e.context)
        ),
        format('context: %s is an error', to_json(e.context))
    )
FROM (
    VALUES
    (1, '999'), -- no shop
    (2, '0'),
    (3, '-1'),
    (4, ' 902'),
    (5, '902 '),
    (6, '902.0'),
    (7, '9e2'),
    (8, 'North'),
    (9, ' '),
    (10, '2147483648'), -- no integer
    (11, '9999999999999999999999'),
    (12, E'902\n'),
    (13, '٩٠٢') -- digits, but not ours
) AS e (position, context)
ORDER BY e.position;

SELECT pg_temp.in_shop('903');
SELECT is(tenancy.attributed_shop(9101), 903, 'attribution uses the context');
SELECT pg_temp.in_shop('999');
SELECT throws_ok('SELECT tenancy.attributed_shop(9101)', '22023', NULL, 'and its errors');
SELECT pg_temp.in_shop('');

-- The default shop, when nothing places the write --------------------------------------------------------------------------------

SELECT is(tenancy.attributed_shop(9101), 1, 'rule 6: the default shop');
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(1)), 1, 'rule 6: also for a last_booking_at that nothing bears');
UPDATE tenancy.settings SET default_shop_id = 903;
SELECT is(tenancy.attributed_shop(9101), 903, 'rule 6: as it is set');
UPDATE tenancy.settings SET default_shop_id = 1;
SELECT is(tenancy.attributed_shop(-1, pg_temp.day(1)), 1, 'rule 6: also for a customer who is not there');

-- The profile that holds that time -----------------------------------------------------------------------------------------------

SELECT pg_temp.add_profile(9101, 902, 1, 5000, pg_temp.day(1));
SELECT pg_temp.add_profile(9101, 903, 1, 6000, pg_temp.day(1));
SELECT pg_temp.add_profile(9101, 901, 1, 4000, pg_temp.day(2));
SELECT pg_temp.add_profile(9102, 903, 1, 6000, pg_temp.day(4));
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 901, 'rule 4: the shop of the profile with that last_booking_at');
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(1)), 902, 'rule 4: of several the lowest');
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(4)), 1, 'rule 4: another customer''s profile does not count');
SELECT is(tenancy.attributed_shop(9101), 1, 'rule 4: without a last_booking_at, no profile does');

-- The booking that starts then ---------------------------------------------------------------------------------------------------

SELECT pg_temp.book(1, 9031, pg_temp.day(2), '+15550009101', status => 'HOLD');
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 903, 'rule 3: the shop of the booking that starts then, of any status');
SELECT is(
    tenancy.attributed_shop(9101, pg_temp.day(2), pg_temp.day(2)),
    901,
    'rule 4 goes before it for a write that leaves last_booking_at as it was'
);
SELECT pg_temp.book(2, 9021, pg_temp.day(2), '+15550009101');
SET LOCAL tenancy.confirmed = '';
SELECT pg_temp.book(3, 9011, pg_temp.day(2), '+15550009101', status => 'HOLD');
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 902, 'rule 3: a CONFIRMED one first, though another is newer');
SELECT pg_temp.book(4, 9022, pg_temp.day(2) + interval '1 microsecond', '+15550009101', status => 'HOLD');
SELECT pg_temp.book(5, 9012, pg_temp.day(2), '+15550009101');
SET LOCAL tenancy.confirmed = '';
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 901, 'rule 3: of several CONFIRMED ones the newest');
UPDATE public.bookings SET created_at = '2026-02-01 00:00+00' WHERE stylist_id = 9021;
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 902, 'rule 3: the newest is the one created last, not the highest id');
SELECT pg_temp.book(0, 9031, pg_temp.day(2), '+15550009101');
SET LOCAL tenancy.confirmed = '';
UPDATE public.bookings SET created_at = '2025-12-01 00:00+00' WHERE status = 'CONFIRMED';
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 901, 'rule 3: of several created at once the highest id');
UPDATE public.bookings SET id = '00000000-0000-0000-0000-000000000009' WHERE shop_id = 903 AND status = 'CONFIRMED';
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 903, 'rule 3: whichever that is');
SELECT is(tenancy.attributed_shop(9104, pg_temp.day(2)), 1, 'rule 3: a booking is of the lowest id with that phone');
SELECT pg_temp.book(6, 9021, pg_temp.day(2), NULL, 'ann@example.com', 'HOLD');
SELECT is(tenancy.attributed_shop(9104, pg_temp.day(2)), 902, 'rule 3: or of the one with that email address');
SELECT is(
    tenancy.attributed_shop(9104, pg_temp.day(2), pg_temp.day(2)),
    902,
    'rule 3: also where last_booking_at stays, and no profile holds it'
);

-- The booking that this transaction confirmed ------------------------------------------------------------------------------------

UPDATE public.bookings SET status = 'CONFIRMED' WHERE start_at_utc = pg_temp.day(2) + interval '1 microsecond';
SELECT is(
    tenancy.attributed_shop(9101, pg_temp.day(2) + interval '1 microsecond'),
    902,
    'rule 2: the shop of the booking with that start that was confirmed just now'
);
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 903, 'rule 2: not for another booking');
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(1)), 902, 'nor for a time that a profile holds');
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(7)), 902, 'rule 5: for a time that nothing bears, the newest note');
SELECT is(tenancy.attributed_shop(9101), 902, 'rule 5: and for no time at all');
SELECT pg_temp.book(7, 9013, pg_temp.day(2) + interval '1 microsecond', '+15550009101');
SELECT is(
    tenancy.attributed_shop(9101, pg_temp.day(2) + interval '1 microsecond'),
    902,
    'rule 2: of two with one start the one that was confirmed first'
);
SELECT is(tenancy.attributed_shop(9101), 901, 'rule 5: the newest');
SELECT is(tenancy.note_of_booking(42, '1970-01-01 00:00:07.5+00'), ' 42:7.500000=', 'a note has the customer, and the start');
SELECT is(tenancy.note_of_booking(42, 'infinity'), ' 42:Infinity=', 'whatever it is');
SELECT is(tenancy.note_of_booking(42, NULL), NULL, 'or there is none');
SELECT is(tenancy.without_note(' 42:7=3 43:7=3', ' 42:7=3'), ' 43:7=3', 'a booking is counted: its note goes');
SELECT is(tenancy.without_note(' 42:7=31 42:7=3', ' 42:7=3'), ' 42:7=31', 'and not that of shop 31 for shop 3');
SELECT is(tenancy.without_note(' 42:7=3 42:7=3', ' 42:7=3'), ' 42:7=3', 'one of two');
SELECT is(tenancy.without_note(' 42:7=3', ' 43:7=3'), ' 42:7=3', 'nor another one');
SELECT is(tenancy.attributed_shop(9102, pg_temp.day(4)), 903, 'rule 2: for its customer alone');
SELECT pg_temp.in_shop('903');
SELECT is(tenancy.attributed_shop(9101, pg_temp.day(2)), 903, 'rule 1: the context, before all');

SELECT * FROM finish();

ROLLBACK;
