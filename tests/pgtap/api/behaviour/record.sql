-- SQL API: what is written of a customer in a shop. What each call returns, what is then on both sides, and every error.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS pgrowlocks;

SELECT plan(76);

\ir ../../helpers/salons.sql

-- What a call returns, in the words of profiles_of
CREATE FUNCTION pg_temp.said(profile public.customer_shop_profiles)
RETURNS text
LANGUAGE sql
RETURN format(
    '%s in shop %s: %s',
    (profile).customer_id,
    (profile).shop_id,
    pg_temp.in_words(
        (profile).total_bookings,
        (profile).total_spend_cents,
        (profile).last_booking_at,
        (profile).no_show_count,
        (profile).preferred_stylist_id
    )
);

-- '9011 x 2, 9012 x 1'
CREATE FUNCTION pg_temp.counts_of(customer integer)
RETURNS text
LANGUAGE sql
AS $$
    SELECT string_agg(format('%s x %s', p.stylist_id, p.booking_count), ', ' ORDER BY p.stylist_id)
    FROM public.customer_stylist_preferences AS p
    WHERE p.customer_id = customer;
$$;

SELECT pg_temp.add_customers(9101, 9102, 9103);
SELECT pg_temp.add_profile(9102, 901, 7, 7000, pg_temp.day(7), 7, 9012);
SAVEPOINT before_call;

-- record_booking -----------------------------------------------------------------------------------------------------------------

SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 901, 9012, 4000, pg_temp.day(1))),
    '9101 in shop 901: 1 bookings, 4000 cents, day 1, stylist 9012',
    'record_booking: the first one'
);
SELECT is(pg_temp.profiles_of(9101), 'shop 901: 1 bookings, 4000 cents, day 1, stylist 9012', 'the profile is what it said');
SELECT is(
    pg_temp.legacy_of(9101), '1 bookings, 4000 cents, day 1, stylist 9012, average 4000', 'so is the legacy side'
);
SELECT is(pg_temp.counts_of(9101), '9012 x 1', 'the stylist''s bookings are counted');
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 901, 9012, 4500, pg_temp.day(0))),
    '9101 in shop 901: 2 bookings, 8500 cents, day 0, stylist 9012',
    'record_booking: another, that starts earlier'
);
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 902, 9021, 5000, pg_temp.day(2))),
    '9101 in shop 902: 1 bookings, 5000 cents, day 2, stylist 9021',
    'record_booking: another shop'
);
SELECT is(
    pg_temp.legacy_of(9101),
    '3 bookings, 13500 cents, day 2, stylist 9012, average 4500',
    'the legacy side adds up; customers goes on naming the first shop''s stylist'
);
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 901, 9011, 0, pg_temp.day(3))),
    '9101 in shop 901: 3 bookings, 8500 cents, day 3, stylist 9012',
    'record_booking: for nothing, with another stylist, who has fewer'
);
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 901, 9011, 0, pg_temp.day(4))),
    '9101 in shop 901: 4 bookings, 8500 cents, day 4, stylist 9011',
    'record_booking: who has as many now, and a lower id'
);
SELECT is(
    pg_temp.legacy_of(9101),
    '5 bookings, 13500 cents, day 4, stylist 9011, average 2700',
    'customers follows'
);
SELECT is(pg_temp.counts_of(9101), '9011 x 2, 9012 x 2, 9021 x 1', 'each stylist''s bookings are counted');
SELECT is(
    pg_temp.profiles_of(9102) || ' | ' || pg_temp.legacy_of(9102),
    'shop 901: 7 bookings, 7000 cents, day 7, 7 no-shows, stylist 9012 | '
    '7 bookings, 7000 cents, day 7, 7 no-shows, stylist 9012, average 1000',
    'another customer is as before'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');

SELECT is(
    pg_temp.said(tenancy.set_preferred_stylist(9101, 901, 9013)),
    '9101 in shop 901: 4 bookings, 8500 cents, day 4, stylist 9013',
    'a choice'
);
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 901, 9011, 4000, pg_temp.day(5))),
    '9101 in shop 901: 5 bookings, 12500 cents, day 5, stylist 9013',
    'record_booking: counts never override a choice'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');
ROLLBACK TO SAVEPOINT before_call;

-- Where the legacy application wrote before
SELECT pg_temp.book(1, 9031, pg_temp.day(1), '+15550009101');
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES (9101, 1, 6000, pg_temp.day(1));
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9031, 1);
UPDATE public.customers SET preferred_stylist_id = 9031, average_spend_cents = 6000 WHERE id = 9101;
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 903, 9031, 6000, pg_temp.day(2))),
    '9101 in shop 903: 2 bookings, 12000 cents, day 2, stylist 9031',
    'record_booking: after the legacy application'
);
SELECT is(
    pg_temp.legacy_of(9101) || '; ' || pg_temp.counts_of(9101),
    '2 bookings, 12000 cents, day 2, stylist 9031, average 6000; 9031 x 2',
    'which reads what it would have written'
);
SELECT pg_temp.in_shop('902');
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 903, 9031, 6000, pg_temp.day(3))),
    '9101 in shop 903: 3 bookings, 18000 cents, day 3, stylist 9031',
    'record_booking: to the shop that it is told, whatever the context'
);
SELECT pg_temp.in_shop('');
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');
ROLLBACK TO SAVEPOINT before_call;

-- In the transaction that confirms the booking
SELECT pg_temp.book(1, 9011, pg_temp.day(1), '+15550009101');
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 901, 9011, 4000, pg_temp.day(1))),
    '9101 in shop 901: 1 bookings, 4000 cents, day 1, stylist 9011',
    'record_booking: in the transaction that confirms the booking, it counts once'
);
SELECT is(pg_temp.legacy_of(9101), '1 bookings, 4000 cents, day 1, stylist 9011, average 4000', 'on the legacy side, too');
ROLLBACK TO SAVEPOINT before_call;

-- A stylist without a count is behind one whose count is zero
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9012, 0);
SELECT is(pg_temp.profiles_of(9101), 'shop 901: stylist 9012', 'the only count, of zero, says who is preferred');
SELECT is(
    pg_temp.said(tenancy.record_booking(9101, 901, 9011, 4000, pg_temp.day(1))),
    '9101 in shop 901: 1 bookings, 4000 cents, day 1, stylist 9011',
    'record_booking: and was no choice'
);
ROLLBACK TO SAVEPOINT before_call;

-- record_no_show -----------------------------------------------------------------------------------------------------------------

SELECT is(
    pg_temp.said(tenancy.record_no_show(9101, 901)),
    '9101 in shop 901: 1 no-shows',
    'record_no_show: of a customer who is new to the shop'
);
SELECT is(pg_temp.legacy_of(9101), 'no statistics, 1 no-shows', 'the legacy side follows; no statistics are made');
SELECT is(
    pg_temp.said(tenancy.record_no_show(9102, 901)),
    '9102 in shop 901: 7 bookings, 7000 cents, day 7, 8 no-shows, stylist 9012',
    'record_no_show: one more'
);
SELECT is(
    pg_temp.legacy_of(9102),
    '7 bookings, 7000 cents, day 7, 8 no-shows, stylist 9012, average 1000',
    'the legacy side follows'
);
SELECT is(pg_temp.said(tenancy.record_no_show(9102, 902)), '9102 in shop 902: 1 no-shows', 'record_no_show: in another shop');
SELECT is(
    pg_temp.legacy_of(9102),
    '7 bookings, 7000 cents, day 7, 9 no-shows, stylist 9012, average 1000',
    'the legacy side adds up'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');
ROLLBACK TO SAVEPOINT before_call;

-- set_preferred_stylist ----------------------------------------------------------------------------------------------------------

SELECT is(
    pg_temp.said(tenancy.set_preferred_stylist(9101, 901, 9013)),
    '9101 in shop 901: stylist 9013',
    'set_preferred_stylist: of a customer who is new to the shop'
);
SELECT is(pg_temp.legacy_of(9101), 'no statistics, stylist 9013', 'customers, which named nobody, follows');
SELECT is(
    pg_temp.said(tenancy.set_preferred_stylist(9101, 902, 9022)),
    '9101 in shop 902: stylist 9022',
    'set_preferred_stylist: in another shop'
);
SELECT is(pg_temp.legacy_of(9101), 'no statistics, stylist 9013', 'customers goes on naming the first');
SELECT is(
    pg_temp.said(tenancy.set_preferred_stylist(9101, 901, NULL)),
    '9101 in shop 901: nothing',
    'set_preferred_stylist: nobody'
);
SELECT is(pg_temp.legacy_of(9101), 'no statistics, nothing', 'customers follows');
SELECT is(
    pg_temp.said(tenancy.set_preferred_stylist(9103, 901, NULL)),
    '9103 in shop 901: nothing',
    'set_preferred_stylist: nobody, of a customer who is new to the shop'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');
SELECT is(pg_temp.counts_of(9101), NULL, 'a choice counts no booking');
ROLLBACK TO SAVEPOINT before_call;

-- By name, as clients call them
SELECT is(
    pg_temp.said(
        tenancy.record_booking(
            customer_id => 9101, shop_id => 901, stylist_id => 9011, spend_cents => 4000, booked_at => pg_temp.day(1)
        )
    ),
    '9101 in shop 901: 1 bookings, 4000 cents, day 1, stylist 9011',
    'record_booking: arguments by name'
);
SELECT results_eq(
    'SELECT r.customer_id, r.shop_id, r.no_show_count FROM tenancy.record_no_show(customer_id => 9101, shop_id => 901) AS r',
    'VALUES (9101, 901, 1)',
    'record_no_show: arguments by name, the profile as columns'
);
SELECT is(
    pg_temp.said(tenancy.set_preferred_stylist(customer_id => 9101, shop_id => 901, stylist_id => 9012)),
    '9101 in shop 901: 1 bookings, 4000 cents, day 1, 1 no-shows, stylist 9012',
    'set_preferred_stylist: arguments by name'
);
ROLLBACK TO SAVEPOINT before_call;

-- Errors -------------------------------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE both_sides ON COMMIT DROP AS
SELECT
    'customers' AS name,
    to_jsonb(c) AS row
FROM public.customers AS c
UNION ALL
SELECT
    'statistics',
    to_jsonb(s)
FROM public.customer_booking_stats AS s
UNION ALL
SELECT
    'profiles',
    to_jsonb(p)
FROM public.customer_shop_profiles AS p
UNION ALL
SELECT
    'preferences',
    to_jsonb(p)
FROM public.customer_stylist_preferences AS p;

SELECT
    throws_ok(
        format('SELECT tenancy.%s', e.call),
        e.sqlstate,
        e.message,
        e.call
    )
FROM (
    VALUES
    (1, 'record_booking(-1, 901, 9011, 4000, now())', '23503', 'customer -1 does not exist'),
    (2, 'record_booking(NULL, 901, 9011, 4000, now())', '23503', 'customer NULL does not exist'),
    (3, 'record_booking(9101, 999, 9011, 4000, now())', '23503', 'shop 999 does not exist'),
    (4, 'record_booking(9101, NULL, 9011, 4000, now())', '23503', 'shop NULL does not exist'),
    (5, 'record_booking(9101, 901, 99999, 4000, now())', '23503', 'stylist 99999 does not exist'),
    (6, 'record_booking(9101, 901, NULL, 4000, now())', '23503', 'stylist NULL does not exist'),
    (7, 'record_booking(9101, 901, 9021, 4000, now())', '23503', 'stylist 9021 works in shop 902, not in shop 901'),
    (8, 'record_booking(9101, 901, 9011, -1, now())', '22023', 'spend_cents is -1, expected 0 to 10000000'),
    (9, 'record_booking(9101, 901, 9011, NULL, now())', '22023', 'spend_cents is NULL, expected 0 to 10000000'),
    (
        10, 'record_booking(9101, 901, 9011, 4000, NULL)', '22023',
        'booked_at is NULL, expected the start of the booking, from 1970 to 2099'
    ),
    (11, 'record_booking(9102, 901, 9011, 10000001, now())', '22023', 'spend_cents is 10000001, expected 0 to 10000000'),
    (12, 'record_no_show(-1, 901)', '23503', 'customer -1 does not exist'),
    (13, 'record_no_show(9101, 999)', '23503', 'shop 999 does not exist'),
    (14, 'set_preferred_stylist(-1, 901, 9011)', '23503', 'customer -1 does not exist'),
    (15, 'set_preferred_stylist(9101, 999, 9011)', '23503', 'shop 999 does not exist'),
    (16, 'set_preferred_stylist(9101, 901, 99999)', '23503', 'stylist 99999 does not exist'),
    (17, 'set_preferred_stylist(9101, 901, 9021)', '23503', 'stylist 9021 works in shop 902, not in shop 901'),
    (18, 'set_preferred_stylist(9101, 999, NULL)', '23503', 'shop 999 does not exist'),
    (19, 'lock_customer(-1)', '23503', 'customer -1 does not exist'),
    (20, 'lock_customer(-1, TRUE)', '23503', 'customer -1 does not exist'),
    (21, 'check_shop(999)', '23503', 'shop 999 does not exist'),
    (22, 'check_stylist(9021, 901)', '23503', 'stylist 9021 works in shop 902, not in shop 901')
) AS e (position, call, sqlstate, message)
ORDER BY e.position;

SELECT pg_temp.in_shop('North');
SELECT
    throws_ok(
        format('SELECT tenancy.%s', e.call),
        '22023',
        'app.current_shop_id is "North", not the id of a shop: SET LOCAL app.current_shop_id = ''<id>''',
        'in a shop context that is no shop: ' || e.call
    )
FROM (
    VALUES
    (1, 'record_booking(9101, 901, 9011, 4000, now())'),
    (2, 'record_no_show(9101, 901)'),
    (3, 'set_preferred_stylist(9101, 901, 9011)')
) AS e (position, call)
ORDER BY e.position;
SELECT pg_temp.in_shop('');

SELECT set_eq(
    $$
    SELECT 'customers', to_jsonb(c) FROM public.customers AS c
    UNION ALL
    SELECT 'statistics', to_jsonb(s) FROM public.customer_booking_stats AS s
    UNION ALL
    SELECT 'profiles', to_jsonb(p) FROM public.customer_shop_profiles AS p
    UNION ALL
    SELECT 'preferences', to_jsonb(p) FROM public.customer_stylist_preferences AS p
    $$,
    'SELECT * FROM both_sides',
    'errors write nothing, on either side'
);
SELECT is(current_setting('tenancy.mirroring', TRUE), '', 'and leave the mirrors on');
SELECT is(current_setting('lock_timeout'), '0', 'and lock_timeout as it was');

-- lock_customer ------------------------------------------------------------------------------------------------------------------

SELECT is(
    pg_temp.what_if('SELECT tenancy.lock_customer(9101)', 'pg_temp.legacy_of(9101)'),
    'no statistics, nothing',
    'lock_customer: makes no statistics'
);
SELECT is(
    pg_temp.what_if('SELECT tenancy.lock_customer(9101, changes_totals => TRUE)', 'pg_temp.legacy_of(9101)'),
    'nothing',
    'lock_customer: unless there must be some to change'
);
SELECT
    is(
        pg_temp.what_if(
            format('SELECT tenancy.lock_customer(%s)', e.id),
            format(
                'SELECT l.modes FROM pgrowlocks(%L) AS l JOIN public.%I AS t ON t.ctid = l.locked_row WHERE t.%I = %s',
                e.name, e.name, e.key, e.id
            )
        ),
        '{"For No Key Update"}',
        'lock_customer: locks ' || e.name
    )
FROM (VALUES (1, 'customers', 'id', 9101), (2, 'customer_booking_stats', 'customer_id', 9102)) AS e (position, name, key, id)
ORDER BY e.position;
SET LOCAL lock_timeout = '7s';
SELECT is(
    pg_temp.what_if('SELECT tenancy.lock_customer(9101, changes_totals => TRUE)', $$current_setting('lock_timeout')$$),
    '7s',
    'lock_customer: the caller''s lock_timeout is as it was'
);

SELECT * FROM finish();

ROLLBACK;
