-- SQL API: what is read of a customer, in one shop and across all.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(30);

\ir ../../helpers/salons.sql

INSERT INTO public.customers (id, phone, email, name, average_spend_cents, no_show_count)
VALUES
(9101, '+15550009101', 'ann@example.com', 'Ann', 0, 0),
(9102, '+15550009102', NULL, NULL, 0, 0),
(9103, '+15550009101', 'cid@example.com', 'Cid', 0, 0); -- the phone of 9101
SELECT pg_temp.add_profile(9101, 901, 3, 10000, pg_temp.day(2), 1, 9011);
SELECT pg_temp.add_profile(9101, 902, 0, 300, NULL, 2);
SELECT pg_temp.add_profile(9101, 903, 4, 24000, pg_temp.day(9), 0, 9031);
SELECT pg_temp.add_profile(9103, 901, 1, 4000, pg_temp.day(3), 0, 9011);

-- customer_context ---------------------------------------------------------------------------------------------------------------

SELECT results_eq(
    'SELECT * FROM tenancy.customer_context(9101, 901)',
    $$
    VALUES (
        9101, 901, 'ann@example.com'::varchar, '+15550009101'::varchar, 'Ann'::varchar, 9011, 'Nora'::varchar, 3333, 3, 10000, 1,
        pg_temp.day(2), NULL::integer, NULL::varchar, NULL::integer, NULL::varchar
    )
    $$,
    'customer_context: what the shop''s profile holds, and the integer part of the average'
);
SELECT results_eq(
    'SELECT * FROM tenancy.customer_context(9101, 902)',
    $$
    VALUES (
        9101, 902, 'ann@example.com'::varchar, '+15550009101'::varchar, 'Ann'::varchar, NULL::integer, NULL::varchar, 0, 0, 300, 2,
        NULL::timestamptz, NULL::integer, NULL::varchar, NULL::integer, NULL::varchar
    )
    $$,
    'customer_context: without bookings the average is 0'
);
SELECT results_eq(
    'SELECT * FROM tenancy.customer_context(9101, 1)',
    $$
    VALUES (
        9101, 1, 'ann@example.com'::varchar, '+15550009101'::varchar, 'Ann'::varchar, NULL::integer, NULL::varchar, 0, 0, 0, 0,
        NULL::timestamptz, NULL::integer, NULL::varchar, NULL::integer, NULL::varchar
    )
    $$,
    'customer_context: who is new to the shop: zeros and NULLs, and who they are'
);
SELECT results_eq(
    'SELECT * FROM tenancy.customer_context(9102, 901)',
    $$
    VALUES (
        9102, 901, NULL::varchar, '+15550009102'::varchar, NULL::varchar, NULL::integer, NULL::varchar, 0, 0, 0, 0,
        NULL::timestamptz, NULL::integer, NULL::varchar, NULL::integer, NULL::varchar
    )
    $$,
    'customer_context: who is new to every shop'
);
SELECT results_eq(
    'SELECT c.customer_id FROM tenancy.customer_context(wanted_customer_id => 9101, wanted_shop_id => 901) AS c',
    'VALUES (9101)',
    'customer_context: arguments by name'
);
SELECT is(
    pg_temp.what_if('SELECT * FROM tenancy.customer_context(9102, 901)', 'pg_temp.profiles_of(9102)'),
    NULL,
    'customer_context: makes no profile'
);

-- The last service and stylist in the shop
CREATE FUNCTION pg_temp.last_in(shop integer)
RETURNS text
LANGUAGE sql
RETURN (
    SELECT concat_ws(' ', c.last_service_id, c.last_service_name, c.last_stylist_id, c.last_stylist_name)
    FROM tenancy.customer_context(9101, shop) AS c
);

SELECT pg_temp.book(1, 9031, pg_temp.day(2), '+15550009101');
SELECT pg_temp.book(2, 9013, pg_temp.day(4), '+15550009101', status => 'HOLD');
SELECT pg_temp.book(3, 9013, pg_temp.day(5), '+15550009101', status => 'EXPIRED');
SELECT pg_temp.book(4, 9013, pg_temp.day(6), NULL, 'cid@example.com');
SELECT is(pg_temp.last_in(901), '', 'last: none, in a shop without a confirmed booking of the customer');
SELECT pg_temp.book(5, 9011, pg_temp.day(1), '+15550009101');
SELECT is(pg_temp.last_in(901), '9010 Cut 9011 Nora', 'last: the newest confirmed booking, where none starts at last_booking_at');
SELECT pg_temp.book(6, 9012, pg_temp.day(0), NULL, 'ann@example.com');
SELECT is(pg_temp.last_in(901), '9010 Cut 9012 Nick', 'last: the newest, not the one that starts last');
SELECT is(pg_temp.last_in(903), '9030 Cut 9031 Wim', 'last: in another shop');
UPDATE public.bookings SET start_at_utc = pg_temp.day(2) WHERE stylist_id = 9011;
SELECT is(pg_temp.last_in(901), '9010 Cut 9011 Nora', 'last: the one that starts at last_booking_at, though another is newer');
SELECT pg_temp.book(7, 9013, pg_temp.day(2), '+15550009101');
SELECT is(pg_temp.last_in(901), '9010 Cut 9013 Nina', 'last: of two that start then the newest');
UPDATE public.bookings SET service_id = 9020 WHERE stylist_id = 9013;
SELECT is(pg_temp.last_in(901), '9020 Cut 9013 Nina', 'last: the primary service');
SELECT pg_temp.book(8, 1001, pg_temp.day(1), '+15550009101');
SELECT is(pg_temp.last_in(1), '10 Cut 1001 Ada', 'last: of a booking that no profile counts');

SELECT throws_ok(format('SELECT * FROM tenancy.customer_context(%s)', e.arguments), '23503', e.message, e.message)
FROM (
    VALUES
    (1, '-1, 901', 'customer -1 does not exist'),
    (2, 'NULL, 901', 'customer NULL does not exist'),
    (3, '9101, 999', 'shop 999 does not exist'),
    (4, '9101, NULL', 'shop NULL does not exist')
) AS e (position, arguments, message)
ORDER BY e.position;
SELECT pg_temp.in_shop('999');
SELECT throws_ok(
    'SELECT * FROM tenancy.customer_context(9101, 901)', '22023', NULL, 'customer_context: in a shop context that is no shop'
);
SELECT pg_temp.in_shop('903');
SELECT is(
    (SELECT c.total_bookings FROM tenancy.customer_context(9101, 901) AS c),
    3,
    'customer_context: of the shop that it is told, whatever the context'
);
SELECT pg_temp.in_shop('');

-- customers_by_preferred_stylist -------------------------------------------------------------------------------------------------

SELECT results_eq(
    'SELECT * FROM tenancy.customers_by_preferred_stylist(9011)',
    $$
    VALUES
        (9103, 'cid@example.com'::varchar, '+15550009101'::varchar, 'Cid'::varchar),
        (9101, 'ann@example.com', '+15550009101', 'Ann')
    $$,
    'customers_by_preferred_stylist: who spends most a booking first'
);
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_shop_profiles SET total_spend_cents = 12000 WHERE customer_id = 9101 AND shop_id = 901;
SET LOCAL tenancy.mirroring = '';
SELECT results_eq(
    'SELECT c.customer_id FROM tenancy.customers_by_preferred_stylist(9011) AS c',
    'VALUES (9101), (9103)',
    'customers_by_preferred_stylist: of two alike the lowest id'
);
SELECT results_eq(
    'SELECT c.customer_id FROM tenancy.customers_by_preferred_stylist(9031) AS c',
    'VALUES (9101)',
    'customers_by_preferred_stylist: of another shop'
);
SELECT is_empty('SELECT * FROM tenancy.customers_by_preferred_stylist(9012)', 'customers_by_preferred_stylist: nobody');
UPDATE public.customers SET preferred_stylist_id = 9022 WHERE id = 9102;
SELECT results_eq(
    'SELECT c.customer_id FROM tenancy.customers_by_preferred_stylist(wanted_stylist_id => 9022) AS c',
    'VALUES (9102)',
    'customers_by_preferred_stylist: whom the legacy application wrote, too; and without bookings'
);
SELECT throws_ok(
    'SELECT * FROM tenancy.customers_by_preferred_stylist(99999)',
    '23503',
    'stylist 99999 does not exist',
    'customers_by_preferred_stylist: a stylist who does not exist'
);
SELECT throws_ok(
    'SELECT * FROM tenancy.customers_by_preferred_stylist(NULL)',
    '23503',
    'stylist NULL does not exist',
    'customers_by_preferred_stylist: NULL'
);

-- customer_totals ----------------------------------------------------------------------------------------------------------------

SELECT results_eq(
    'SELECT * FROM tenancy.customer_totals WHERE customer_id IN (9101, 9102, 9103) ORDER BY customer_id',
    $$
    VALUES
        (9101, 3, 7, 36300::bigint, 5185, pg_temp.day(9), 3),
        (9102, 1, 0, 0, 0, NULL, 0),
        (9103, 1, 1, 4000, 4000, pg_temp.day(3), 0)
    $$,
    'customer_totals: a customer across all shops'
);
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_shop_profiles SET total_spend_cents = 2147483647 WHERE customer_id = 9101;
SELECT is(
    (SELECT t.total_spend_cents FROM tenancy.customer_totals AS t WHERE t.customer_id = 9101),
    3 * 2147483647::bigint,
    'customer_totals: more than an integer holds'
);
SELECT is_empty('SELECT * FROM tenancy.customer_totals WHERE customer_id = -1', 'customer_totals: nobody has no row');

SELECT * FROM finish();

ROLLBACK;
