-- The residual rule, written: profile(c, s) = totals(c) - what the other shops hold; what they hold too much is taken from them.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(43);

\ir ../../helpers/salons.sql

SELECT pg_temp.add_customers(9101, 9102, 9103);
SELECT pg_temp.add_profile(9101, 901, 2, 8000, pg_temp.day(1), 1, 9011);
SELECT pg_temp.add_profile(9101, 902, 5, 25000, pg_temp.day(2), 0, 9021);
SELECT pg_temp.add_profile(9101, 903, 3, 30000, NULL, 4);
SELECT pg_temp.add_profile(9102, 901, 7, 7777, pg_temp.day(9), 7, 9012);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 2 bookings, 8000 cents, day 1, 1 no-shows, stylist 9011; '
    'shop 902: 5 bookings, 25000 cents, day 2, stylist 9021; '
    'shop 903: 3 bookings, 30000 cents, 4 no-shows',
    'three profiles to begin with: 10 bookings, 63000 cents, 5 no-shows'
);

-- What a total of one kind, written to one shop, makes of those three: their values of that kind.
CREATE FUNCTION pg_temp.residual_of(kind text, shop integer, total integer)
RETURNS text
LANGUAGE sql
RETURN pg_temp.what_if(
    format('SELECT tenancy.apply_residual(9101, %s, %I => %s)', shop, kind, total),
    format('SELECT array_agg(p.%I ORDER BY p.shop_id) FROM public.customer_shop_profiles AS p WHERE p.customer_id = 9101', kind)
);

SAVEPOINT before_write;

SELECT
    is(
        pg_temp.residual_of(e.kind, e.shop, e.total),
        e.expected,
        format('%s of %s in all, written to shop %s: %s', e.kind, e.total, e.shop, e.why)
    )
FROM (
    VALUES
    (1, 'total_bookings', 901, 10, '{2,5,3}', 'as it was'),
    (2, 'total_bookings', 901, 11, '{3,5,3}', 'one more'),
    (3, 'total_bookings', 902, 11, '{2,6,3}', 'one more in another shop'),
    (4, 'total_bookings', 901, 9, '{1,5,3}', 'one less'),
    (5, 'total_bookings', 901, 8, '{0,5,3}', 'all that it held'),
    (6, 'total_bookings', 901, 7, '{0,4,3}', 'one more than it held: the largest gives'),
    (7, 'total_bookings', 901, 3, '{0,0,3}', 'the largest is used up'),
    (8, 'total_bookings', 901, 2, '{0,0,2}', 'and then the next gives'),
    (9, 'total_bookings', 901, 0, '{0,0,0}', 'nothing is left anywhere'),
    (10, 'total_bookings', 901, -4, '{0,0,0}', 'a negative total is nothing'),
    (11, 'total_bookings', 902, 4, '{2,0,2}', 'the largest of the others gives'),
    (12, 'total_bookings', 1, 10, '{0,2,5,3}', 'a profile is made, though there is nothing for it'),
    (13, 'total_bookings', 1, 12, '{2,2,5,3}', 'a profile is made, of the rest'),
    (14, 'total_bookings', 1, 9, '{0,2,4,3}', 'a profile is made, and the largest gives'),
    (15, 'total_spend_cents', 901, 63000, '{8000,25000,30000}', 'as it was'),
    (16, 'total_spend_cents', 901, 67000, '{12000,25000,30000}', 'more'),
    (17, 'total_spend_cents', 901, 54999, '{0,25000,29999}', 'the largest by spend gives, not by bookings'),
    (18, 'total_spend_cents', 901, 25000, '{0,25000,0}', 'it is used up'),
    (19, 'total_spend_cents', 901, 1, '{0,1,0}', 'all but a cent'),
    (20, 'total_spend_cents', 901, 2147483647, '{2147428647,25000,30000}', 'the largest integer'),
    (21, 'no_show_count', 902, 5, '{1,0,4}', 'as it was'),
    (22, 'no_show_count', 902, 6, '{1,1,4}', 'one more'),
    (23, 'no_show_count', 902, 3, '{1,0,2}', 'the largest by no-shows gives'),
    (24, 'no_show_count', 902, 1, '{1,0,0}', 'it is used up'),
    (25, 'no_show_count', 902, 0, '{0,0,0}', 'none at all')
) AS e (position, kind, shop, total, expected, why)
ORDER BY e.position;

SELECT tenancy.apply_residual(9101, 901, total_bookings => 7, total_spend_cents => 70000, no_show_count => 3);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 15000 cents, day 1, stylist 9011; '
    'shop 902: 4 bookings, 25000 cents, day 2, stylist 9021; '
    'shop 903: 3 bookings, 30000 cents, 3 no-shows',
    'all at once: each value is cut by itself; last bookings and stylists stay'
);
SELECT tenancy.apply_residual(9101, 901, total_bookings => 7, total_spend_cents => 70000, no_show_count => 3);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 15000 cents, day 1, stylist 9011; '
    'shop 902: 4 bookings, 25000 cents, day 2, stylist 9021; '
    'shop 903: 3 bookings, 30000 cents, 3 no-shows',
    'again: nothing changes'
);
ROLLBACK TO SAVEPOINT before_write;

SELECT tenancy.apply_residual(9101, 902, no_show_count => 7);
SELECT is(
    pg_temp.residual_of('no_show_count', 901, 4), '{0,2,2}', 'the largest by no-shows gives, though another has more bookings'
);
ROLLBACK TO SAVEPOINT before_write;

SELECT tenancy.apply_residual(9101, 902, total_bookings => 8);
SELECT tenancy.apply_residual(9101, 903, total_bookings => 8);
SELECT is(pg_temp.residual_of('total_bookings', 901, 5), '{0,2,3}', 'of two alike the lower shop gives first');
SELECT is(pg_temp.residual_of('total_bookings', 901, 2), '{0,0,2}', 'and then the other');
ROLLBACK TO SAVEPOINT before_write;

-- Values that are not written ----------------------------------------------------------------------------------------------------

SELECT tenancy.apply_residual(9101, 901);
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 2 bookings, 8000 cents, day 1, 1 no-shows, stylist 9011; '
    'shop 902: 5 bookings, 25000 cents, day 2, stylist 9021; '
    'shop 903: 3 bookings, 30000 cents, 4 no-shows',
    'NULL leaves a value alone'
);
SELECT tenancy.apply_residual(9101, 901, last_booking_at => pg_temp.day(5));
SELECT tenancy.apply_residual(9101, 903, last_booking_at => pg_temp.day(6));
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 2 bookings, 8000 cents, day 5, 1 no-shows, stylist 9011; '
    'shop 902: 5 bookings, 25000 cents, day 2, stylist 9021; '
    'shop 903: 3 bookings, 30000 cents, day 6, 4 no-shows',
    'a last booking is copied, to that shop alone'
);
ROLLBACK TO SAVEPOINT before_write;

-- Whom it does not concern -------------------------------------------------------------------------------------------------------

SELECT tenancy.apply_residual(9101, 901, total_bookings => 0, total_spend_cents => 0, no_show_count => 0);
SELECT is(
    pg_temp.profiles_of(9102),
    'shop 901: 7 bookings, 7777 cents, day 9, 7 no-shows, stylist 9012',
    'another customer''s profile is not touched'
);
SELECT is(
    pg_temp.legacy_of(9101),
    '10 bookings, 63000 cents, day 2, 5 no-shows, stylist 9011, average 6300',
    'nothing of it is mirrored back'
);
SELECT is(current_setting('tenancy.mirroring', TRUE), '', 'afterwards the mirrors are on again');
SET LOCAL tenancy.mirroring = 'on';
SELECT tenancy.apply_residual(9101, 901, total_bookings => 1);
SELECT is(current_setting('tenancy.mirroring', TRUE), 'on', 'or off, if they were');
ROLLBACK TO SAVEPOINT before_write;

-- Profiles that drifted ----------------------------------------------------------------------------------------------------------

ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_check;
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_shop_profiles SET total_bookings = -2 WHERE customer_id = 9101 AND shop_id = 902;
SET LOCAL tenancy.mirroring = '';
SELECT is(pg_temp.residual_of('total_bookings', 901, 10), '{9,-2,3}', 'a negative profile: the sum stays the total');
SELECT is(pg_temp.residual_of('total_bookings', 902, 10), '{2,5,3}', 'written to, it is mended');
ROLLBACK TO SAVEPOINT before_write;

-- Errors -------------------------------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT tenancy.apply_residual(-1, 901)', '23503', NULL, 'a customer who is not there');
SELECT throws_ok('SELECT tenancy.apply_residual(9103, 999)', '23503', NULL, 'a shop that is not there');
SELECT is(current_setting('tenancy.mirroring', TRUE), '', 'an error leaves the mirrors on');
SELECT is(pg_temp.profiles_of(9103), NULL, 'and nothing behind');

SELECT * FROM finish();

ROLLBACK;
