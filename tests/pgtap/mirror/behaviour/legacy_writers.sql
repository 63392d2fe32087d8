-- Who still writes to the legacy side: recorded by application and role, a row for five minutes, whatever the writer set before.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(46);

\ir ../../helpers/salons.sql

-- 'salon web as postgres: 1; ...'
CREATE FUNCTION pg_temp.writers()
RETURNS text
LANGUAGE sql
RETURN (
    SELECT
        string_agg(
            format('%s as %s: %s', w.application_name, w.role_name, w.writes),
            '; ' ORDER BY w.application_name, w.role_name
        )
    FROM tenancy.legacy_writers AS w
);

CREATE ROLE salon_clerk;
GRANT SELECT, UPDATE ON public.customer_booking_stats TO salon_clerk;
SELECT pg_temp.add_customers(9101, 9102);
SELECT pg_temp.add_profile(9101, 901, 3, 12000, pg_temp.day(1), 1, 9011);
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9011, 1);
DELETE FROM tenancy.legacy_writes;
SET LOCAL application_name = 'salon web';
SAVEPOINT before_write;

-- What is a legacy write ---------------------------------------------------------------------------------------------------------

SELECT
    is(
        pg_temp.what_if(e.statement, 'pg_temp.writers()'),
        'salon web as postgres: 1',
        'recorded: ' || e.statement
    )
FROM (
    VALUES
    (1, 'INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents) VALUES (9102, 1, 0)'),
    (2, 'UPDATE public.customer_booking_stats SET total_bookings = 4'),
    (3, 'DELETE FROM public.customer_booking_stats'),
    (4, 'UPDATE public.customers SET no_show_count = 2 WHERE id = 9101'),
    (5, 'UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9101'),
    (6, 'INSERT INTO public.customers (phone, average_spend_cents, no_show_count) VALUES (''+15550009199'', 0, 1)')
) AS e (position, statement)
ORDER BY e.position;

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.writers()'), NULL, 'not recorded: ' || e.statement)
FROM (
    VALUES
    (1, 'UPDATE public.customers SET name = ''Ann'', phone = NULL, average_spend_cents = 9'),
    (2, 'INSERT INTO public.customers (phone, average_spend_cents, no_show_count) VALUES (''+15550009199'', 0, 0)'),
    (3, 'UPDATE public.customer_stylist_preferences SET booking_count = 9'), -- stays beside the profiles
    (4, 'SELECT pg_temp.book(1, 9011, pg_temp.day(1), ''+15550009101'')'),
    (5, 'UPDATE public.customer_shop_profiles SET total_bookings = 9, no_show_count = 9, preferred_stylist_id = 9012'),
    (6, 'DELETE FROM public.customer_shop_profiles'),
    (7, 'SELECT tenancy.record_booking(9101, 901, 9011, 4000, pg_temp.day(2))'),
    (8, 'SELECT tenancy.record_booking(9102, 901, 9011, 4000, pg_temp.day(2))'), -- the first: it makes the statistics
    (9, 'SELECT tenancy.record_no_show(9101, 901)'),
    (10, 'SELECT tenancy.set_preferred_stylist(9101, 901, 9012)'),
    (11, 'SELECT tenancy.get_or_create_customer(''new@example.com'', NULL, NULL)'),
    (12, 'UPDATE public.stylists SET shop_id = 902 WHERE id = 9011'),
    (13, 'SELECT * FROM tenancy.repair(ARRAY[9101, 9102])')
) AS e (position, statement)
ORDER BY e.position;

-- Who it was ---------------------------------------------------------------------------------------------------------------------

SET LOCAL ROLE salon_clerk;
UPDATE public.customer_booking_stats SET total_bookings = 4;
RESET ROLE;
SELECT is(pg_temp.writers(), 'salon web as salon_clerk: 1', 'the role is that of SET ROLE');
ROLLBACK TO SAVEPOINT before_write;
SELECT is(pg_temp.writers(), NULL, 'what is taken back was not written');

SET LOCAL application_name = '';
UPDATE public.customer_booking_stats SET total_bookings = 4;
SELECT is(pg_temp.writers(), ' as postgres: 1', 'an application without a name');
ROLLBACK TO SAVEPOINT before_write;

-- How often --------------------------------------------------------------------------------------------------------------------------

SELECT pg_temp.in_shop('901');
UPDATE public.customer_booking_stats SET total_bookings = 4;
UPDATE public.customer_booking_stats SET total_bookings = 5;
UPDATE public.customers SET no_show_count = 7 WHERE id = 9101;
SELECT is((SELECT count(*) FROM tenancy.legacy_writes), 1::bigint, 'many writes: one row');
SELECT is(
    (
        SELECT bool_and(w.first_at = w.last_at AND w.last_at BETWEEN now() AND clock_timestamp())
        FROM tenancy.legacy_writers AS w
    ),
    TRUE,
    'when: as the row was written, however long ago the transaction began'
);
SAVEPOINT after_first;

UPDATE tenancy.legacy_writes SET written_at = written_at - interval '4 minutes 50 seconds';
UPDATE public.customer_booking_stats SET total_bookings = 8;
SELECT is((SELECT count(*) FROM tenancy.legacy_writes), 1::bigint, 'almost five minutes later: no other row');
UPDATE tenancy.legacy_writes SET written_at = written_at - interval '10 seconds';
UPDATE public.customer_booking_stats SET total_bookings = 9;
SELECT is((SELECT count(*) FROM tenancy.legacy_writes), 2::bigint, 'five minutes later: a second row');
SELECT results_eq(
    'SELECT w.writes, w.first_at, w.last_at FROM tenancy.legacy_writers AS w',
    'SELECT 2::bigint, min(l.written_at), max(l.written_at) FROM tenancy.legacy_writes AS l',
    'the view adds up, with the first and the last time'
);
ROLLBACK TO SAVEPOINT after_first;

-- Another application on the same connection, as behind a pooler
SET LOCAL application_name = 'salon app';
UPDATE public.customer_booking_stats SET total_bookings = 10;
UPDATE public.customer_booking_stats SET total_bookings = 11;
SELECT is(
    pg_temp.writers(),
    'salon app as postgres: 1; salon web as postgres: 1',
    'another application on the same connection has a row of its own'
);
SET LOCAL ROLE salon_clerk;
UPDATE public.customer_booking_stats SET total_bookings = 12;
RESET ROLE;
SELECT is(
    pg_temp.writers(),
    'salon app as postgres: 1; salon app as salon_clerk: 1; salon web as postgres: 1',
    'another role, too'
);
SET LOCAL application_name = 'salon web';
UPDATE public.customer_booking_stats SET total_bookings = 13;
SET LOCAL application_name = 'salon app';
UPDATE public.customer_booking_stats SET total_bookings = 14;
SELECT is((SELECT count(*) FROM tenancy.legacy_writes), 3::bigint, 'who takes turns adds no rows');
ROLLBACK TO SAVEPOINT before_write;

-- For which shop -----------------------------------------------------------------------------------------------------------------

-- '901: 1; none: 1'
CREATE FUNCTION pg_temp.shops()
RETURNS text
LANGUAGE sql
RETURN (
    SELECT string_agg(format('%s: %s', coalesce(w.shop_id::text, 'none'), w.writes), '; ' ORDER BY w.shop_id)
    FROM tenancy.legacy_writers_by_shop AS w
);

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.shops()'), e.shops, e.description)
FROM (
    VALUES
    (1, 'UPDATE public.customer_booking_stats SET total_bookings = 4', '901: 1', 'the shop of the last booking'),
    (
        2,
        'SET LOCAL app.current_shop_id = ''902''; UPDATE public.customer_booking_stats SET total_bookings = 4',
        '902: 1',
        'the shop context'
    ),
    (
        3,
        'SELECT pg_temp.book(1, 9031, pg_temp.day(2), ''+15550009101''); '
        'UPDATE public.customer_booking_stats SET total_bookings = 4, last_booking_at = pg_temp.day(5)',
        '903: 1',
        'the shop of the booking that was confirmed'
    ),
    (4, 'DELETE FROM public.customer_booking_stats', 'none: 1', 'none, when the totals go'),
    (5, 'UPDATE public.customers SET no_show_count = 2 WHERE id = 9101', '1: 1', 'that of a no-show'),
    (
        6,
        'UPDATE public.customers SET preferred_stylist_id = 9022 WHERE id = 9101',
        '902: 1',
        'that of the preferred stylist'
    ),
    (
        7,
        'UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9101',
        '901: 1',
        'that of the stylist who was preferred'
    ),
    (
        8,
        'UPDATE public.customers SET preferred_stylist_id = 9022, no_show_count = 2 WHERE id = 9101',
        '1: 1; 902: 1',
        'both, of one statement that writes both'
    ),
    (
        9,
        'SET LOCAL app.current_shop_id = ''902''; UPDATE public.customer_booking_stats SET total_bookings = 4; '
        'SET LOCAL app.current_shop_id = ''903''; UPDATE public.customer_booking_stats SET total_bookings = 5; '
        'SET LOCAL app.current_shop_id = ''902''; UPDATE public.customer_booking_stats SET total_bookings = 6; '
        'DELETE FROM public.customer_booking_stats; DELETE FROM public.customer_booking_stats',
        '902: 1; 903: 1; none: 1',
        'each shop has a row of its own for five minutes'
    ),
    (
        10,
        'INSERT INTO public.shops (id, name) VALUES (904, ''East''); SET LOCAL app.current_shop_id = ''904''; '
        'UPDATE public.customers SET no_show_count = 2 WHERE id = 9101; '
        'DELETE FROM public.customer_shop_profiles WHERE shop_id = 904; DELETE FROM public.shops WHERE id = 904',
        '904: 1',
        'a shop that was closed stays on record'
    )
) AS e (position, statement, shops, description)
ORDER BY e.position;

-- Nobody hides --------------------------------------------------------------------------------------------------------------------

CREATE ROLE clerk;
GRANT SELECT, UPDATE ON public.customer_booking_stats, public.customers TO clerk;

-- As a session of this role, with whatever it set before: who is recorded for one write
CREATE FUNCTION pg_temp.recorded(before text)
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE before;
    UPDATE public.customer_booking_stats SET total_bookings = 4 WHERE customer_id = 9101;
    RESET ROLE;
    RETURN pg_temp.writers();
END;
$$;

SELECT is(pg_temp.what_if('SELECT', format('pg_temp.recorded(%L)', e.before)), e.recorded, e.description)
FROM (
    VALUES
    (
        1,
        'SET LOCAL tenancy.legacy_writer = ''none salon web''; SET LOCAL tenancy.legacy_writes = ''1''; '
        || format('SET LOCAL tenancy.legacy_period = %L', date_part('epoch', now())::bigint / 300),
        'salon web as postgres: 1',
        'by settings that say that it is known'
    ),
    (
        2,
        'SET LOCAL tenancy.legacy_writes = ''many''',
        'salon web as postgres: 1',
        'by a setting that is no number'
    ),
    (
        3,
        'SET LOCAL ROLE clerk; SET LOCAL tenancy.mirroring = ''on''',
        'salon web as clerk: 1',
        'by the guard of a mirror, which only the owner may set'
    ),
    (
        4,
        $$INSERT INTO tenancy.legacy_writes (application_name, role_name, written_at)
        VALUES ('web', 'salon', clock_timestamp()), ('salon web as postgres', '', clock_timestamp())$$,
        'salon web as postgres: 1; salon web as postgres as : 1; web as salon: 1',
        'behind another pair of names that reads the same'
    ),
    (
        5,
        $$INSERT INTO tenancy.legacy_writes (application_name, role_name, written_at)
        VALUES ('salon web', 'postgres', clock_timestamp() + interval '1 year')$$,
        'salon web as postgres: 2',
        'behind a row of the future, of a clock that was put back'
    )
) AS e (position, before, recorded, description)
ORDER BY e.position;

SELECT is(
    pg_temp.what_if(
        'SET LOCAL ROLE clerk; SET LOCAL tenancy.mirroring = ''on''; '
        'UPDATE public.customers SET no_show_count = 2 WHERE id = 9101; RESET ROLE',
        'SELECT concat_ws('', '', pg_temp.writers(), sum(p.no_show_count)) '
        'FROM public.customer_shop_profiles AS p WHERE p.customer_id = 9101'
    ),
    'salon web as clerk: 1, 2',
    'and is mirrored, too'
);

SELECT * FROM finish();

ROLLBACK;
