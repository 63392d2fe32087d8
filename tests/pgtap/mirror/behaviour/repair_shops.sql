-- tenancy.repair() with source shops: bookings, and their money, go where bookings and counts agree that they belong; no sum changes.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(27);

\ir ../../helpers/salons.sql

-- Ann, 9101: four bookings in North (901), one in South (902)
SELECT pg_temp.add_customers(9101, 9102);
SELECT pg_temp.book(b.number, b.stylist, pg_temp.day(b.number), '+15550009101')
FROM (VALUES (1, 9011), (2, 9011), (3, 9012), (4, 9011), (5, 9021)) AS b (number, stylist);
SELECT pg_temp.add_profile(9101, 901, 4, 16000, pg_temp.day(4), 1, 9011);
SELECT pg_temp.add_profile(9101, 902, 1, 5000, pg_temp.day(5), 0, 9021);
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9101, 9011, 3),
(9101, 9012, 1),
(9101, 9021, 1);

-- Bob, 9102: as right as Ann, with a booking that was cancelled in North and a public confirm in South
SELECT pg_temp.book(b.number, b.stylist, pg_temp.day(b.number), '+15550009102')
FROM (VALUES (11, 9011), (12, 9021), (13, 9021)) AS b (number, stylist);
SELECT pg_temp.add_profile(9102, 901, 2, 8000, pg_temp.day(11));
SELECT pg_temp.add_profile(9102, 902, 1, 5000, pg_temp.day(12));
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9102, 9011, 2),
(9102, 9021, 1);
DELETE FROM tenancy.legacy_writes;

-- The bookings and cents of Ann from one profile to another, as two plain UPDATEs
CREATE FUNCTION pg_temp.move(bookings integer, cents integer, from_shop integer DEFAULT 901, to_shop integer DEFAULT 902)
RETURNS void
LANGUAGE sql
AS $$
    UPDATE public.customer_shop_profiles AS p
    SET
        total_bookings = p.total_bookings - bookings,
        total_spend_cents = p.total_spend_cents - cents
    WHERE p.customer_id = 9101
        AND p.shop_id = from_shop;
    UPDATE public.customer_shop_profiles AS p
    SET
        total_bookings = p.total_bookings + bookings,
        total_spend_cents = p.total_spend_cents + cents
    WHERE p.customer_id = 9101
        AND p.shop_id = to_shop;
$$;

-- What a repair of both says: '901 total_bookings 1 -> 4; ...'
CREATE FUNCTION pg_temp.repaired()
RETURNS text
LANGUAGE sql
AS $$
    SELECT
        string_agg(
            format(
                '%s %s %s -> %s',
                coalesce(r.shop_id::text, 'legacy'),
                split_part(r.field, '.', 2),
                coalesce(r.value_before, 'none'),
                coalesce(r.value_after, 'none')
            ),
            '; '
        )
    FROM tenancy.repair('{9101,9102}', 'shops') AS r;
$$;

-- After a repair: Ann's profiles
CREATE FUNCTION pg_temp.after_repair()
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_temp.repaired();
    RETURN pg_temp.profiles_of(9101);
END;
$$;

CREATE FUNCTION pg_temp.as_it_was()
RETURNS text
LANGUAGE sql
RETURN 'shop 901: 4 bookings, 16000 cents, day 4, 1 no-shows, stylist 9011; shop 902: 1 bookings, 5000 cents, day 5, stylist 9021';

-- Right ----------------------------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.profiles_of(9101), pg_temp.as_it_was(), 'what is right');
SELECT is(
    (SELECT string_agg(c.class, ', ' ORDER BY c.shop_id) FROM tenancy.shop_check AS c WHERE c.customer_id = 9102),
    'cancelled, public_confirms',
    'right: by bookings alone, one of Bob''s would belong to the other shop'
);
SELECT is(pg_temp.repaired(), NULL, 'right: it moves nothing');

-- Moved to a wrong shop ---------------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.what_if(e.statement, e.question), e.said, e.description)
FROM (
    VALUES
    (
        1,
        'SELECT pg_temp.move(3, 12000)',
        'SELECT count(*) FROM tenancy.drift',
        '0',
        'three of North count for South: no drift'
    ),
    (
        2,
        'SELECT pg_temp.move(3, 12000)',
        'pg_temp.repaired()',
        '901 total_bookings 1 -> 4; 901 total_spend_cents 4000 -> 16000; '
        '902 total_bookings 4 -> 1; 902 total_spend_cents 17000 -> 5000',
        'it says what it moves'
    ),
    (3, 'SELECT pg_temp.move(3, 12000)', 'pg_temp.after_repair()', pg_temp.as_it_was(), 'three of North with their money'),
    (4, 'SELECT pg_temp.move(3, 0)', 'pg_temp.after_repair()', pg_temp.as_it_was(), 'three of North without their money'),
    (5, 'SELECT pg_temp.move(3, 7000)', 'pg_temp.after_repair()', pg_temp.as_it_was(), 'three of North with some of it'),
    (6, 'SELECT pg_temp.move(1, 5000, 902, 901)', 'pg_temp.after_repair()', pg_temp.as_it_was(), 'all of South'),
    (
        12,
        'INSERT INTO public.services (id, shop_id, name, duration_minutes, price_cents) VALUES (9019, 901, ''Colour'', 90, 9000); '
        'UPDATE public.bookings SET service_id = 9019 WHERE customer_phone = ''+15550009101'' AND start_at_utc = pg_temp.day(1); '
        'UPDATE public.customer_shop_profiles SET total_spend_cents = 21000 WHERE customer_id = 9101 AND shop_id = 901; '
        'SELECT pg_temp.move(3, 17000)',
        'pg_temp.after_repair()',
        replace(pg_temp.as_it_was(), '16000', '21000'),
        'the dear one with them, which is the first: the money that the shop lacks'
    ),
    (
        7,
        'SELECT pg_temp.move(3, 12000); UPDATE public.services SET price_cents = 4500 WHERE shop_id = 901',
        'pg_temp.after_repair()',
        pg_temp.as_it_was(),
        'dearer since: no more than the other profile has beyond its own bookings'
    ),
    (
        8,
        'SELECT pg_temp.move(3, 12000); UPDATE public.services SET price_cents = 3500 WHERE shop_id = 901',
        'pg_temp.after_repair()',
        replace(replace(pg_temp.as_it_was(), '16000', '14500'), '5000', '6500'),
        'cheaper since: what these bookings cost now'
    ),
    (
        9,
        'SELECT pg_temp.move(3, 12000); UPDATE public.services SET price_cents = 90000 WHERE shop_id = 902',
        'pg_temp.after_repair()',
        replace(replace(pg_temp.as_it_was(), '16000', '4000'), '5000', '17000'),
        'its own bookings far dearer since: it keeps the money'
    ),
    (
        10,
        'SELECT pg_temp.move(4, 16000); SET LOCAL tenancy.mirroring = ''on''; '
        'DELETE FROM public.customer_shop_profiles WHERE customer_id = 9101 AND shop_id = 901; SET LOCAL tenancy.mirroring = ''''',
        'pg_temp.after_repair()',
        'shop 901: 4 bookings, 16000 cents, day 4; shop 902: 1 bookings, 5000 cents, day 5, stylist 9021',
        'a shop without a profile gets one, with its last booking'
    ),
    (
        11,
        'SELECT pg_temp.book(21, 9031, pg_temp.day(21), ''+15550009101''); '
        'SELECT pg_temp.book(22, 9031, pg_temp.day(22), ''+15550009101''); '
        'INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9031, 2); '
        'INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at) '
        'VALUES (9101, 903, 2, 12000, pg_temp.day(22)) ON CONFLICT (customer_id, shop_id) DO UPDATE '
        'SET total_bookings = 2, total_spend_cents = 12000, last_booking_at = pg_temp.day(22); '
        'SELECT pg_temp.move(3, 12000), pg_temp.move(2, 12000, 903, 902)',
        'pg_temp.after_repair()',
        pg_temp.as_it_was() || '; shop 903: 2 bookings, 12000 cents, day 22, stylist 9031',
        'what two shops lack, a third one has'
    )
) AS e (position, statement, question, said, description)
ORDER BY e.position;

-- Where they do not agree -----------------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.what_if('SELECT pg_temp.move(3, 12000); ' || e.statement, 'pg_temp.repaired()'), NULL, e.description)
FROM (
    VALUES
    (
        1,
        'UPDATE public.customer_stylist_preferences SET booking_count = 2 WHERE customer_id = 9101 AND stylist_id = 9011',
        'bookings and counts of the one shop differ'
    ),
    (
        2,
        'DELETE FROM public.bookings WHERE customer_phone = ''+15550009101'' AND shop_id = 902',
        'bookings and counts of the other one differ'
    ),
    (3, 'UPDATE public.stylists SET shop_id = 903 WHERE id = 9012', 'a stylist whom she booked moved'),
    (4, 'UPDATE public.customer_shop_profiles SET total_bookings = 1 WHERE customer_id = 9101', 'no shop has too many')
) AS e (position, statement, description)
ORDER BY e.position;

-- Nothing else changes ----------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.sums()
RETURNS text
LANGUAGE sql
AS $$
    SELECT
        concat_ws(
            ' | ',
            pg_temp.legacy_of(9101),
            (
                SELECT (sum(p.total_bookings), sum(p.total_spend_cents), sum(p.no_show_count))
                FROM public.customer_shop_profiles AS p
                WHERE p.customer_id = 9101
            ),
            (SELECT string_agg(d::text, ';' ORDER BY d::text) FROM tenancy.drift AS d),
            (SELECT count(*) FROM tenancy.legacy_writes),
            (SELECT count(*) FROM tenancy.double_writes)
        );
$$;

-- The sums after a repair, and whether that changed something
CREATE FUNCTION pg_temp.sums_after_repair()
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    before CONSTANT text := pg_temp.sums();
BEGIN
    RETURN concat_ws(', ', pg_temp.repaired() IS NOT NULL, pg_temp.sums() = before, pg_temp.repaired() IS NULL);
END;
$$;

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.sums_after_repair()'), 't, t, t', 'no sum, no drift, no record: ' || e.description)
FROM (
    VALUES
    (1, 'SELECT pg_temp.move(3, 12000)', 'of a customer without drift'),
    (
        2,
        'SELECT pg_temp.move(3, 12000); SET LOCAL tenancy.mirroring = ''on''; '
        'UPDATE public.customer_booking_stats SET total_bookings = 9, total_spend_cents = 1, last_booking_at = pg_temp.day(40); '
        'SET LOCAL tenancy.mirroring = ''''',
        'of one who drifts'
    )
) AS e (position, statement, description)
ORDER BY e.position;

SELECT is(
    pg_temp.what_if(
        'SELECT pg_temp.move(3, 12000); SELECT pg_temp.repaired(); '
        'UPDATE public.customer_shop_profiles SET total_bookings = 9 WHERE customer_id = 9101 AND shop_id = 901',
        'pg_temp.legacy_of(9101)'
    ),
    '10 bookings, 21000 cents, day 5, 1 no-shows, stylist 9011, average 2100',
    'what is written afterwards is mirrored'
);

-- By many customers ------------------------------------------------------------------------------------------------------------------------

SELECT is(
    pg_temp.what_if(
        'SELECT pg_temp.move(3, 12000)',
        'SELECT count(*) FROM tenancy.repair(''{9102}'', ''shops'')'
    ),
    '0',
    'it leaves customers alone who are not named'
);
SELECT is_empty($$SELECT * FROM tenancy.repair('{}', 'shops')$$, 'nobody');
SELECT is_empty($$SELECT * FROM tenancy.repair(NULL, 'shops')$$, 'nobody, by NULL');
SELECT is_empty($$SELECT * FROM tenancy.repair('{9999}', 'shops')$$, 'a customer who is not there');

-- Drift is for the other sources
SELECT is(
    pg_temp.what_if(
        'SET LOCAL tenancy.mirroring = ''on''; '
        'UPDATE public.customer_booking_stats SET total_bookings = 9 WHERE customer_id = 9101; '
        'DELETE FROM public.customer_shop_profiles WHERE customer_id = 9102; SET LOCAL tenancy.mirroring = ''''',
        'pg_temp.repaired()'
    ),
    NULL,
    'no drift is mended, and no missing profile made'
);

SELECT * FROM finish();

ROLLBACK;
