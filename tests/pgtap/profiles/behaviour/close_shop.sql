-- tenancy.move_history, and what a DELETE of a shop does with it.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(13);

\ir ../../helpers/salons.sql

INSERT INTO public.shops (id, name) VALUES (904, 'Fourth'), (905, 'Fifth');
SELECT pg_temp.add_customers(9101, 9102, 9103, 9104);
SELECT pg_temp.add_profile(9101, 904, 3, 12000, pg_temp.day(1), 1, NULL);
SELECT pg_temp.add_profile(9101, 901, 2, 4000, pg_temp.day(2), 2, 9011);
SELECT pg_temp.add_profile(9102, 904, 1, 2000, pg_temp.day(3), 0, NULL);
SELECT pg_temp.add_profile(9103, 904, 0, 0, NULL, 0, NULL);
SELECT pg_temp.add_profile(9104, 902, 1, 2000, pg_temp.day(3), 0, NULL);
SAVEPOINT before_move;

SELECT tenancy.move_history(ARRAY[9101, 9102, 9103], 904, 901);
SELECT is(
    pg_temp.profiles_of(9101), 'shop 901: 5 bookings, 16000 cents, day 2, 3 no-shows, stylist 9011; shop 904: nothing',
    'what the one shop counted is added to the other; its preference stays'
);
SELECT is(pg_temp.profiles_of(9102), 'shop 901: 1 bookings, 2000 cents, day 3; shop 904: nothing', 'a profile is made if need be');
SELECT is(pg_temp.profiles_of(9103), 'shop 904: nothing', 'and none for nothing');
SELECT is(coalesce(current_setting('tenancy.mirroring', TRUE), ''), '', 'the guard is as it was');

SELECT tenancy.move_history(ARRAY[9101, 9102, 9103], 904, 901);
SELECT is(
    pg_temp.profiles_of(9101), 'shop 901: 5 bookings, 16000 cents, day 2, 3 no-shows, stylist 9011; shop 904: nothing',
    'the second time, nothing is left to move'
);
ROLLBACK TO SAVEPOINT before_move;

UPDATE public.customer_booking_stats SET last_booking_at = pg_temp.day(1) WHERE customer_id = 9101;
SELECT tenancy.move_history(ARRAY[9101], 904, 901);
SELECT is(
    pg_temp.profiles_of(9101), 'shop 901: 5 bookings, 16000 cents, day 1, 3 no-shows, stylist 9011; shop 904: nothing',
    'the last booking is the one that was counted last, not the latest'
);
ROLLBACK TO SAVEPOINT before_move;

DELETE FROM public.shops WHERE id = 904;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: 3 bookings, 12000 cents, day 1, 1 no-shows; shop 901: 2 bookings, 4000 cents, day 2, 2 no-shows, stylist 9011',
    'DELETE: what the shop counted is in the default shop'
);
SELECT is(pg_temp.profiles_of(9103), NULL, 'and an empty profile just goes');
SELECT is(pg_temp.profiles_of(9104), 'shop 902: 1 bookings, 2000 cents, day 3', 'others are as they were');
ROLLBACK TO SAVEPOINT before_move;

SELECT lives_ok('UPDATE public.shops SET id = 906 WHERE id = 905', 'a shop that nothing refers to may change its id');
UPDATE tenancy.settings SET default_shop_id = 904;
SELECT throws_ok(
    'DELETE FROM public.shops WHERE id = 904', '23001',
    'shop 904 is the default shop, which gets every count that no booking ties to a shop: '
    'first UPDATE tenancy.settings SET default_shop_id = <another shop>',
    'the default shop stays'
);
SELECT throws_ok('UPDATE public.shops SET id = 907 WHERE id = 904', '23001', NULL, 'under its id');
SELECT lives_ok('DELETE FROM public.shops WHERE id = 906', 'others go');

SELECT * FROM finish();

ROLLBACK;
