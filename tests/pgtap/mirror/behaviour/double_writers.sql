-- Who writes the same of a customer to both sides in one transaction: recorded by application, role and kind; nobody else is.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(49);

\ir ../../helpers/salons.sql

-- 'bookings of 9101 by salon web as postgres: 1; ...'
CREATE FUNCTION pg_temp.writers()
RETURNS text
LANGUAGE sql
RETURN (
    SELECT
        string_agg(
            format('%s of %s by %s as %s: %s', w.kind, w.customer_id, w.application_name, w.role_name, w.writes),
            '; ' ORDER BY w.kind, w.application_name, w.role_name
        )
    FROM tenancy.double_writers AS w
);

SELECT pg_temp.add_customers(9101, 9102);
SELECT pg_temp.add_profile(9101, 901, 3, 12000, pg_temp.day(1), 1, 9011);
SELECT pg_temp.add_profile(9101, 902, 1, 5000, pg_temp.day(0), 0, NULL);
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9011, 1);
SELECT pg_temp.book(1, 9011, pg_temp.day(2), '+15550009101', NULL, 'HOLD');
SET LOCAL application_name = 'salon web';
SET LOCAL tenancy.written_legacy = ''; -- as if that were another transaction
SET LOCAL tenancy.written_profiles = '';

-- A statement for each side and kind
CREATE TEMPORARY TABLE writes (name text PRIMARY KEY, statement text) ON COMMIT DROP;
INSERT INTO writes (name, statement)
VALUES
(
    'legacy bookings',
    'UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 4000 '
    'WHERE customer_id = 9101'
),
('legacy spend', 'UPDATE public.customer_booking_stats SET total_spend_cents = total_spend_cents + 1 WHERE customer_id = 9101'),
('legacy no-shows', 'UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 9101'),
('legacy preference', 'UPDATE public.customers SET preferred_stylist_id = 9022 WHERE id = 9101'),
(
    'legacy count',
    'UPDATE public.customer_stylist_preferences SET booking_count = booking_count + 1 WHERE customer_id = 9101'
),
(
    'profile bookings',
    'UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 4000 '
    'WHERE customer_id = 9101 AND shop_id = 901'
),
(
    'profile spend',
    'UPDATE public.customer_shop_profiles SET total_spend_cents = total_spend_cents + 1 WHERE customer_id = 9101 AND shop_id = 902'
),
(
    'new profile',
    'INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings) VALUES (9101, 903, 1)'
),
('deleted profile', 'DELETE FROM public.customer_shop_profiles WHERE customer_id = 9101 AND shop_id = 902'),
(
    'profile no-shows',
    'UPDATE public.customer_shop_profiles SET no_show_count = no_show_count + 1 WHERE customer_id = 9101 AND shop_id = 901'
),
(
    'profile preference',
    'UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9012 WHERE customer_id = 9101 AND shop_id = 901'
),
('call bookings', 'SELECT tenancy.record_booking(9101, 901, 9011, 4000, pg_temp.day(2))'),
('call no-shows', 'SELECT tenancy.record_no_show(9101, 902)'),
('call preference', 'SELECT tenancy.set_preferred_stylist(9101, 901, 9012)'),
('confirmation', 'UPDATE public.bookings SET status = ''CONFIRMED'' WHERE customer_phone = ''+15550009101'''),
('other customer', 'UPDATE public.customer_shop_profiles SET total_bookings = 7 WHERE customer_id = 9102'),
('move of a stylist', 'UPDATE public.stylists SET shop_id = 902 WHERE id = 9011'),
('repair', 'SELECT * FROM tenancy.repair(ARRAY[9101, 9102])'),
(
    'drift', 'SELECT set_config(''tenancy.mirroring'', ''on'', TRUE); '
    'UPDATE public.customer_shop_profiles SET total_bookings = 9 WHERE customer_id = 9101 AND shop_id = 901; '
    'SELECT set_config(''tenancy.mirroring'', '''', TRUE)'
),
('empty profile', 'INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9101, 903)'),
('same values', 'UPDATE public.customer_shop_profiles SET total_bookings = total_bookings WHERE customer_id = 9101'),
('statistics go', 'DELETE FROM public.customer_booking_stats WHERE customer_id = 9101'),
('counts go', 'DELETE FROM public.customer_stylist_preferences WHERE customer_id = 9101'),
('profiles go', 'DELETE FROM public.customer_shop_profiles WHERE customer_id = 9101'),
('customer goes', 'DELETE FROM public.customers WHERE id = 9101'),
('name', 'UPDATE public.customers SET name = ''Ann'', average_spend_cents = 9 WHERE id = 9101');

-- These one after the other, in this order
CREATE FUNCTION pg_temp.one_after_the_other(VARIADIC names text[])
RETURNS text
LANGUAGE sql
RETURN (
    SELECT string_agg(w.statement, '; ' ORDER BY n.position)
    FROM unnest(names) WITH ORDINALITY AS n (name, position)
    JOIN writes AS w ON w.name = n.name
);

-- Both sides ---------------------------------------------------------------------------------------------------------------------

SELECT
    is(
        pg_temp.what_if(pg_temp.one_after_the_other(VARIADIC o.names), 'pg_temp.writers()'),
        e.kind || ' of 9101 by salon web as postgres: 1',
        'recorded: ' || array_to_string(o.names, ', then ')
    )
FROM (
    VALUES
    (1, 'legacy bookings', 'profile bookings', 'bookings'),
    (2, 'legacy bookings', 'profile spend', 'bookings'),
    (3, 'legacy spend', 'new profile', 'bookings'),
    (4, 'legacy spend', 'deleted profile', 'bookings'),
    (5, 'legacy bookings', 'call bookings', 'bookings'),
    (6, 'legacy no-shows', 'profile no-shows', 'no-shows'),
    (7, 'legacy no-shows', 'call no-shows', 'no-shows'),
    (8, 'legacy preference', 'profile preference', 'preference'),
    (9, 'legacy preference', 'call preference', 'preference'),
    (10, 'legacy count', 'call bookings', 'stylist counts')
) AS e (position, legacy, profile, kind)
CROSS JOIN LATERAL (VALUES (1, ARRAY[e.legacy, e.profile]), (2, ARRAY[e.profile, e.legacy])) AS o (position, names)
ORDER BY
    e.position,
    o.position;

SELECT
    is(
        pg_temp.what_if(
            pg_temp.one_after_the_other('confirmation', 'legacy bookings', 'legacy count', 'profile bookings'), 'pg_temp.writers()'
        ),
        'bookings of 9101 by salon web as postgres: 1',
        'recorded: a confirmation that follows ADR-0001 to the letter'
    );
SELECT is(
    pg_temp.what_if(
        pg_temp.one_after_the_other('legacy bookings', 'profile bookings', 'legacy bookings', 'profile bookings'),
        'pg_temp.writers()'
    ),
    'bookings of 9101 by salon web as postgres: 1',
    'recorded once in five minutes'
);
SELECT is(
    pg_temp.what_if(
        pg_temp.one_after_the_other('legacy bookings', 'legacy no-shows', 'profile bookings', 'profile no-shows'),
        'pg_temp.writers()'
    ),
    'bookings of 9101 by salon web as postgres: 1; no-shows of 9101 by salon web as postgres: 1',
    'recorded kind by kind'
);
SELECT is(
    pg_temp.what_if(
        'UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1; '
        || (SELECT w.statement FROM writes AS w WHERE w.name = 'profile bookings'),
        'pg_temp.writers()'
    ),
    'bookings of 9101 by salon web as postgres: 1',
    'recorded: statements that write several customers'
);

-- One side alone -----------------------------------------------------------------------------------------------------------------

SELECT
    is(
        pg_temp.what_if(pg_temp.one_after_the_other(VARIADIC e.names), 'pg_temp.writers()'),
        NULL,
        'not recorded: ' || array_to_string(e.names, ', then ')
    )
FROM (
    VALUES
    (1, '{confirmation,legacy bookings,legacy count,legacy preference,legacy no-shows,name}'::text[]),
    (2, '{profile bookings,profile no-shows,profile preference,new profile}'),
    (3, '{confirmation,call bookings,call no-shows,call preference,call bookings}'),
    (4, '{profile bookings,legacy count}'), -- a profile that is written so has no other count
    (5, '{legacy bookings,call preference}'),
    (6, '{legacy preference,call no-shows}'),
    (7, '{legacy bookings,other customer}'),
    (8, '{legacy bookings,empty profile}'),
    (9, '{legacy bookings,same values}'),
    (10, '{legacy preference,move of a stylist}'),
    (11, '{legacy bookings,drift,repair}'),
    (12, '{statistics go,counts go,customer goes}'),
    (13, '{statistics go,counts go,profiles go,customer goes}'),
    (14, '{profiles go,statistics go,counts go,customer goes}')
) AS e (position, names)
ORDER BY e.position;

-- Savepoints ---------------------------------------------------------------------------------------------------------------------

-- What is written in between, and taken back
CREATE FUNCTION pg_temp.taken_back(statement text)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_temp.what_if(statement, 'TRUE');
END;
$$;

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.writers()'), NULL, e.description)
FROM (
    VALUES
    (
        1,
        (
            SELECT format('SELECT pg_temp.taken_back(%L); %s', l.statement, p.statement)
            FROM writes AS l, writes AS p
            WHERE (l.name, p.name) = ('legacy bookings', 'profile bookings')
        ),
        'not recorded: the legacy side was taken back'
    ),
    (
        2,
        (
            SELECT format('%s; SELECT pg_temp.taken_back(%L)', l.statement, p.statement)
            FROM writes AS l, writes AS p
            WHERE (l.name, p.name) = ('legacy bookings', 'profile bookings')
        ),
        'not recorded: the profile was taken back'
    )
) AS e (position, statement, description)
ORDER BY e.position;

-- Nobody hides, and nobody is recorded for another ---------------------------------------------------------------------------------

CREATE ROLE clerk;
GRANT SELECT, UPDATE ON public.customer_booking_stats, public.customers, public.customer_shop_profiles TO clerk;

SELECT
    is(
        pg_temp.what_if(
            e.before || '; ' || pg_temp.one_after_the_other('legacy bookings', 'profile bookings') || '; RESET ROLE',
            'pg_temp.writers()'
        ),
        format('bookings of 9101 by %s as %s: 1', e.application, e.role_name),
        'recorded: ' || e.before
    )
FROM (
    VALUES
    (1, 'SET LOCAL tenancy.written_legacy = ''''; SET LOCAL tenancy.written_profiles = ''''', 'salon web', 'postgres'),
    (2, format('SET LOCAL tenancy.written_legacy = %L', repeat('x', 5000)), 'salon web', 'postgres'),
    (3, format('SET LOCAL tenancy.written_profiles = %L', repeat(',9101 bookings', 500)), 'salon web', 'postgres'),
    (4, 'SET LOCAL ROLE clerk', 'salon web', 'clerk'),
    (5, 'SET LOCAL application_name = ''''', '', 'postgres'),
    (6, 'SET LOCAL ROLE clerk; SET LOCAL tenancy.mirroring = ''on''; SET LOCAL tenancy.mirroring = ''''', 'salon web', 'clerk')
) AS e (position, before, application, role_name)
ORDER BY e.position;

INSERT INTO tenancy.double_writes (application_name, role_name, kind, customer_id, written_at)
VALUES
('salon app', 'postgres', 'bookings', 1, clock_timestamp()),
('salon web', 'clerk', 'bookings', 2, clock_timestamp()),
('salon web', 'postgres', 'no-shows', 3, clock_timestamp()),
('salon web', 'postgres', 'bookings', 4, clock_timestamp() - interval '5 minutes'),
('salon web', 'postgres', 'bookings', 5, clock_timestamp() + interval '1 year');
SELECT is(
    pg_temp.what_if(pg_temp.one_after_the_other('legacy bookings', 'profile bookings'), 'pg_temp.writers()'),
    'bookings of 1 by salon app as postgres: 1; bookings of 2 by salon web as clerk: 1; '
    'bookings of 9101 by salon web as postgres: 3; no-shows of 3 by salon web as postgres: 1',
    'not behind another application, role, kind or time'
);

-- Put right ----------------------------------------------------------------------------------------------------------------------

DELETE FROM tenancy.double_writes;
SELECT is(pg_temp.writers(), NULL, 'a writer who was put right is forgotten');
SELECT throws_ok(
    $$
    INSERT INTO tenancy.double_writes (application_name, role_name, kind, customer_id, written_at)
    VALUES ('', '', 'visits', 1, now())
    $$,
    '23514', NULL,
    'a kind is one of four'
);

SELECT * FROM finish();

ROLLBACK;
