-- TRUNCATE fires no row trigger: on a mirrored table it is refused.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(9);

\ir ../../helpers/salons.sql

SET LOCAL client_min_messages = warning; -- of what CASCADE comes to
SELECT pg_temp.add_customers(9101);
SELECT pg_temp.add_profile(9101, 901, 3, 12000, pg_temp.day(1), 1, 9011);

SELECT
    throws_ok(
        e.statement,
        '0A000',
        format('TRUNCATE of public.%s cannot be mirrored: use DELETE, or sqitch revert --to @phase1 first', e.refused),
        e.statement
    )
FROM (
    VALUES
    (1, 'TRUNCATE public.customer_booking_stats', 'customer_booking_stats'),
    (2, 'TRUNCATE public.customer_stylist_preferences', 'customer_stylist_preferences'),
    (3, 'TRUNCATE public.customer_shop_profiles', 'customer_shop_profiles'),
    (4, 'TRUNCATE public.customer_shop_profiles RESTART IDENTITY CASCADE', 'customer_shop_profiles'),
    (5, 'TRUNCATE public.customers CASCADE', 'customers')
) AS e (position, statement, refused)
ORDER BY e.position;
SELECT throws_like(
    'TRUNCATE public.stylists CASCADE', 'TRUNCATE of public.% cannot be mirrored: %', 'nor one that comes to them by CASCADE'
);
SELECT throws_ok('TRUNCATE public.customers', '0A000', NULL, 'foreign keys refuse it in other words');
SELECT is(pg_temp.profiles_of(9101), 'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011', 'nothing is gone');

SELECT lives_ok('DELETE FROM public.customer_shop_profiles', 'DELETE is not refused');

SELECT * FROM finish();

ROLLBACK;
