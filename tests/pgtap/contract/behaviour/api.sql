-- The SQL API after the contract: the same calls, on profiles alone.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(20);

\ir ../../helpers/salons.sql

CREATE TEMPORARY TABLE customer ON COMMIT DROP AS
SELECT tenancy.get_or_create_customer('Ann@Example.com', '(555) 010-9999', 'Ann') AS id;

SELECT results_eq(
    $$SELECT c.email::text, c.phone::text, c.name::text FROM public.customers AS c WHERE c.id = (SELECT id FROM customer)$$,
    $$VALUES ('ann@example.com', '+15550109999', 'Ann')$$,
    'get_or_create_customer: a new one'
);
SELECT is(
    tenancy.get_or_create_customer('ann@example.com', NULL, NULL), (SELECT id FROM customer), 'get_or_create_customer: and again'
);
SELECT is(
    (SELECT c.customer_id FROM tenancy.customer_by_phone('5550109999') AS c), (SELECT id FROM customer), 'customer_by_phone'
);

SELECT lives_ok(
    $$SELECT tenancy.record_booking((SELECT id FROM customer), 901, 9011, 4000, pg_temp.day(1))$$, 'record_booking: the first'
);
SELECT lives_ok(
    $$SELECT tenancy.record_booking((SELECT id FROM customer), 901, 9011, 2000, pg_temp.day(3))$$, 'record_booking: another'
);
SELECT lives_ok(
    $$SELECT tenancy.record_booking((SELECT id FROM customer), 902, 9021, 5000, pg_temp.day(2))$$, 'record_booking: elsewhere'
);
SELECT lives_ok($$SELECT tenancy.record_no_show((SELECT id FROM customer), 902)$$, 'record_no_show');
SELECT is(
    (SELECT pg_temp.profiles_of(id) FROM customer),
    'shop 901: 2 bookings, 6000 cents, day 3, stylist 9011; shop 902: 1 bookings, 5000 cents, day 2, 1 no-shows, stylist 9021',
    'the profiles have it all'
);
SELECT lives_ok($$SELECT tenancy.set_preferred_stylist((SELECT id FROM customer), 901, 9012)$$, 'set_preferred_stylist');
SELECT results_eq(
    $$
    SELECT
        c.preferred_stylist_id,
        c.average_spend_cents,
        c.total_bookings,
        c.total_spend_cents,
        c.no_show_count
    FROM customer AS k
    CROSS JOIN LATERAL tenancy.customer_context(k.id, 901) AS c
    $$,
    'VALUES (9012, 3000, 2, 6000, 0)',
    'customer_context'
);
SELECT results_eq(
    'SELECT c.customer_id FROM tenancy.customers_by_preferred_stylist(9012) AS c',
    'SELECT id FROM customer',
    'customers_by_preferred_stylist'
);
SELECT results_eq(
    $$
    SELECT
        t.shops,
        t.total_bookings,
        t.total_spend_cents
    FROM tenancy.customer_totals AS t
    WHERE t.customer_id = (SELECT id FROM customer)
    $$,
    'VALUES (2, 3, 11000::bigint)',
    'customer_totals'
);
SELECT throws_ok(
    $$SELECT tenancy.record_booking(999999, 901, 9011, 4000, pg_temp.day(1))$$, '23503', 'customer 999999 does not exist',
    'record_booking: nobody''s'
);
SELECT throws_ok(
    $$SELECT tenancy.record_booking((SELECT id FROM customer), 902, 9011, 4000, pg_temp.day(1))$$,
    '23503',
    'stylist 9011 works in shop 901, not in shop 902',
    'record_booking: a stylist of another shop'
);

-- A stylist who moves
UPDATE public.stylists SET shop_id = 903 WHERE id = 9012;
SELECT is(
    (SELECT pg_temp.profiles_of(id) FROM customer),
    'shop 901: 2 bookings, 6000 cents, day 3; shop 902: 1 bookings, 5000 cents, day 2, 1 no-shows, stylist 9021',
    'a stylist who moves is not preferred any more, nowhere'
);
DELETE FROM public.customer_stylist_preferences WHERE stylist_id = 9021;
DELETE FROM public.stylists WHERE id = 9021;
SELECT is(
    (SELECT pg_temp.profiles_of(id) FROM customer),
    'shop 901: 2 bookings, 6000 cents, day 3; shop 902: 1 bookings, 5000 cents, day 2, 1 no-shows',
    'nor is one who goes'
);

-- The archive
INSERT INTO tenancy_archive.customers (customer_id, average_spend_cents, no_show_count, known_stylist_ids)
SELECT
    k.id,
    0,
    0,
    '{}'
FROM customer AS k;
INSERT INTO tenancy_archive.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
SELECT
    k.id,
    0,
    0
FROM customer AS k;
DELETE FROM public.customer_stylist_preferences WHERE customer_id = (SELECT id FROM customer);
SELECT lives_ok('DELETE FROM public.customers WHERE id = (SELECT id FROM customer)', 'a customer can be deleted');
SELECT is_empty(
    $$
    SELECT a.customer_id
    FROM tenancy_archive.customers AS a
    WHERE a.customer_id = (SELECT id FROM customer)
    UNION ALL
    SELECT a.customer_id
    FROM tenancy_archive.customer_booking_stats AS a
    WHERE a.customer_id = (SELECT id FROM customer)
    UNION ALL
    SELECT p.customer_id
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = (SELECT id FROM customer)
    $$,
    'and is in the archive no more'
);

SELECT throws_ok(
    'CALL tenancy.run_backfill()', NULL, NULL, 'what belongs to the legacy side works no more'
);
SELECT lives_ok($$CALL tenancy.check_contract('no', '', '')$$, 'the gate lets a contract pass that was');

SELECT * FROM finish();

ROLLBACK;
