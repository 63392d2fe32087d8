-- The repair: each kind of drift, from either side. It says what it changed, and changes nothing the second time.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(43);

\ir ../../helpers/salons.sql

-- Some rows are as they may have been before the CHECK.
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_check;

SELECT pg_temp.add_customers(9101, 9102, 9103);
SELECT pg_temp.add_profile(9101, 901, 3, 12000, pg_temp.day(1), 1, 9011);
SELECT pg_temp.add_profile(9101, 902, 2, 10000, pg_temp.day(2), 0, 9021);
SELECT pg_temp.add_profile(9102, 903, 1, 6000, pg_temp.day(3));
SELECT pg_temp.book(1, 9031, pg_temp.day(9), '+15550009101', status => 'HOLD');
UPDATE public.customer_shop_profiles SET updated_at = created_at + interval '1 second'; -- written since the backfill
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey;
SELECT is(
    pg_temp.profiles_of(9101) || ' | ' || pg_temp.legacy_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011; shop 902: 2 bookings, 10000 cents, day 2, stylist 9021 | '
    '5 bookings, 22000 cents, day 2, 1 no-shows, stylist 9011, average 4400',
    'both sides, as they should be'
);

SAVEPOINT before_damage;

-- What the repair says after something was written past the mirrors; then which drift is left, and what it says the second
-- time. All of it is taken back.
CREATE FUNCTION pg_temp.repaired(damage text, source text, is_reconcile boolean DEFAULT FALSE)
RETURNS text
LANGUAGE plpgsql
SET timezone = 'UTC'
AS $$
DECLARE
    said text := '';
    change record;
BEGIN
    PERFORM set_config('tenancy.mirroring', 'on', TRUE);
    EXECUTE damage;
    PERFORM set_config('tenancy.mirroring', '', TRUE);

    FOR change IN SELECT r.* FROM tenancy.repair(ARRAY[9101, 9102, -1], repaired.source, repaired.is_reconcile) AS r LOOP
        said := said || format(
            '%s%s: %s -> %s; ',
            'shop ' || change.shop_id || ' ',
            replace(change.field, 'customer_shop_profiles.', ''),
            coalesce(change.value_before, 'NULL'),
            coalesce(change.value_after, 'NULL')
        );
    END LOOP;
    said := concat_ws(
        '; ',
        nullif(rtrim(said, '; '), ''),
        (SELECT string_agg('left: ' || d.kind, '; ' ORDER BY d.kind) FROM tenancy.drift AS d),
        (
            SELECT string_agg('again: ' || r.field, '; ')
            FROM tenancy.repair(ARRAY[9101, 9102], repaired.source, repaired.is_reconcile) AS r
        )
    );
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'UE001';
EXCEPTION
    WHEN SQLSTATE 'UE001' THEN
        RETURN said;
END;
$$;

CREATE FUNCTION pg_temp.damage_of(shop integer, assignment text)
RETURNS text
LANGUAGE sql
RETURN format('UPDATE public.customer_shop_profiles SET %s WHERE customer_id = 9101 AND shop_id = %s', assignment, shop);

SELECT is(pg_temp.repaired(e.damage, 'legacy'), e.expected, format('from the legacy side: %s', e.damage))
FROM (
    VALUES
    (1, 'UPDATE public.shops SET name = name', ''),
    -- totals: to the shop of the last booking
    (2, pg_temp.damage_of(902, 'total_bookings = 9'), 'shop 902 total_bookings: 9 -> 2'),
    (3, pg_temp.damage_of(901, 'total_bookings = 9'), 'shop 901 total_bookings: 9 -> 5; shop 902 total_bookings: 2 -> 0'),
    (4, pg_temp.damage_of(901, 'total_spend_cents = 0'), 'shop 902 total_spend_cents: 10000 -> 22000'),
    (
        5, 'DELETE FROM public.customer_booking_stats WHERE customer_id = 9101',
        'shop 1 no_show_count: NULL -> 0; shop 1 total_bookings: NULL -> 0; shop 1 total_spend_cents: NULL -> 0; '
        'shop 901 total_bookings: 3 -> 0; shop 901 total_spend_cents: 12000 -> 0; '
        'shop 902 total_bookings: 2 -> 0; shop 902 total_spend_cents: 10000 -> 0'
    ),
    -- last_booking_at: to the shop of the booking that starts then
    (
        6, 'UPDATE public.customer_booking_stats SET last_booking_at = pg_temp.day(9) WHERE customer_id = 9101',
        'shop 903 last_booking_at: NULL -> 2026-01-10T10:00:00+00:00; shop 903 no_show_count: NULL -> 0; '
        'shop 903 total_bookings: NULL -> 0; shop 903 total_spend_cents: NULL -> 0'
    ),
    (7, 'UPDATE public.customers SET no_show_count = 4 WHERE id = 9101', 'shop 902 no_show_count: 0 -> 3'),
    (8, 'UPDATE public.customers SET no_show_count = 0 WHERE id = 9101', 'shop 901 no_show_count: 1 -> 0'),
    (9, pg_temp.damage_of(901, 'preferred_stylist_id = 9012'), 'shop 901 preferred_stylist_id: 9012 -> 9011'),
    (
        10, 'UPDATE public.customers SET preferred_stylist_id = 9031 WHERE id = 9102',
        'shop 903 preferred_stylist_id: NULL -> 9031'
    ),
    (11, pg_temp.damage_of(902, 'preferred_stylist_id = 9012'), 'shop 902 preferred_stylist_id: 9012 -> NULL'),
    (12, pg_temp.damage_of(901, 'preferred_stylist_id = 9021'), 'shop 901 preferred_stylist_id: 9021 -> 9011'),
    (
        13, pg_temp.damage_of(902, 'total_bookings = -2, no_show_count = -1'),
        'shop 902 no_show_count: -1 -> 0; shop 902 total_bookings: -2 -> 2'
    ),
    (14, pg_temp.damage_of(901, 'total_bookings = -2'), 'shop 901 total_bookings: -2 -> 0; shop 902 total_bookings: 2 -> 5'),
    -- missing_profile: by the split
    (
        15, 'DELETE FROM public.customer_shop_profiles WHERE customer_id = 9102',
        'shop 1 last_booking_at: NULL -> 2026-01-04T10:00:00+00:00; shop 1 no_show_count: NULL -> 0; '
        'shop 1 total_bookings: NULL -> 1; shop 1 total_spend_cents: NULL -> 6000'
    ),
    -- The legacy side itself is wrong: nothing is made of that.
    (
        16, 'UPDATE public.customer_booking_stats SET total_bookings = -1 WHERE customer_id = 9102',
        'left: negative; left: totals'
    ),
    (17, 'UPDATE public.customers SET no_show_count = -1 WHERE id = 9101', 'left: negative; left: no_show_count')
) AS e (position, damage, expected)
ORDER BY e.position;

SELECT is(pg_temp.repaired(e.damage, 'profiles'), e.expected, format('from the profiles: %s', e.damage))
FROM (
    VALUES
    (1, 'UPDATE public.shops SET name = name', ''),
    (
        2, pg_temp.damage_of(902, 'total_bookings = 9'),
        'customer_booking_stats.total_bookings: 5 -> 12; customers.average_spend_cents: 4400 -> 1833'
    ),
    (
        3, 'DELETE FROM public.customer_booking_stats WHERE customer_id = 9101',
        'customer_booking_stats.last_booking_at: NULL -> 2026-01-03T10:00:00+00:00; '
        'customer_booking_stats.total_bookings: NULL -> 5; customer_booking_stats.total_spend_cents: NULL -> 22000'
    ),
    (
        4, 'UPDATE public.customer_booking_stats SET last_booking_at = pg_temp.day(9) WHERE customer_id = 9101',
        'customer_booking_stats.last_booking_at: 2026-01-10T10:00:00+00:00 -> 2026-01-03T10:00:00+00:00'
    ),
    (5, 'UPDATE public.customers SET no_show_count = 4 WHERE id = 9101', 'customers.no_show_count: 4 -> 1'),
    (6, pg_temp.damage_of(901, 'preferred_stylist_id = 9012'), 'customers.preferred_stylist_id: 9011 -> 9012'),
    (
        7, 'UPDATE public.customers SET preferred_stylist_id = 9031 WHERE id = 9101',
        'customers.preferred_stylist_id: 9031 -> NULL'
    ),
    -- Whatever the source
    (8, pg_temp.damage_of(902, 'preferred_stylist_id = 9012'), 'shop 902 preferred_stylist_id: 9012 -> NULL'),
    (
        9, 'DELETE FROM public.customer_shop_profiles WHERE customer_id = 9102',
        'shop 1 last_booking_at: NULL -> 2026-01-04T10:00:00+00:00; shop 1 no_show_count: NULL -> 0; '
        'shop 1 total_bookings: NULL -> 1; shop 1 total_spend_cents: NULL -> 6000'
    ),
    -- The profiles themselves are wrong: nothing is made of that.
    (10, pg_temp.damage_of(902, 'total_bookings = -2'), 'left: negative; left: totals'),
    (11, pg_temp.damage_of(902, 'no_show_count = -2'), 'left: negative; left: no_show_count')
) AS e (position, damage, expected)
ORDER BY e.position;

-- In the reconcile, profiles that nobody but the split wrote are split anew: by their bookings, not to one shop.
UPDATE public.customer_shop_profiles SET updated_at = created_at;
DELETE FROM tenancy.profile_origins;
SELECT pg_temp.book(2, 9011, pg_temp.day(1), '+15550009102');
SELECT pg_temp.book(3, 9021, pg_temp.day(2), '+15550009102');
SELECT pg_temp.book(4, 9031, pg_temp.day(3), '+15550009102');
CREATE FUNCTION pg_temp.reconciled(is_reconcile boolean)
RETURNS text
LANGUAGE sql
RETURN pg_temp.repaired(
    'UPDATE public.customer_booking_stats SET total_bookings = 3, total_spend_cents = 15000 WHERE customer_id = 9102',
    'legacy',
    is_reconcile
);
SELECT is(
    pg_temp.reconciled(TRUE),
    'shop 1 no_show_count: NULL -> 0; shop 1 total_bookings: NULL -> 0; shop 1 total_spend_cents: NULL -> 0; '
    'shop 901 last_booking_at: NULL -> 2026-01-02T10:00:00+00:00; shop 901 no_show_count: NULL -> 0; '
    'shop 901 total_bookings: NULL -> 1; shop 901 total_spend_cents: NULL -> 4000; '
    'shop 902 last_booking_at: NULL -> 2026-01-03T10:00:00+00:00; shop 902 no_show_count: NULL -> 0; '
    'shop 902 total_bookings: NULL -> 1; shop 902 total_spend_cents: NULL -> 5000',
    'reconcile: profiles that nobody but the split wrote are split anew'
);
SELECT is(
    pg_temp.reconciled(FALSE),
    'shop 901 last_booking_at: NULL -> 2026-01-02T10:00:00+00:00; shop 901 no_show_count: NULL -> 0; '
    'shop 901 total_bookings: NULL -> 1; shop 901 total_spend_cents: NULL -> 4000; '
    'shop 902 last_booking_at: NULL -> 2026-01-03T10:00:00+00:00; shop 902 no_show_count: NULL -> 0; '
    'shop 902 total_bookings: NULL -> 1; shop 902 total_spend_cents: NULL -> 5000',
    'the repair leaves what the profiles hold and gives what they miss, to the shops of its bookings'
);
SELECT is(
    pg_temp.what_if(
        'SET LOCAL tenancy.mirroring = ''on'';
        UPDATE public.customer_booking_stats SET total_bookings = 3 WHERE customer_id = 9102;
        SELECT tenancy.repair(ARRAY[9102], is_reconcile => TRUE)',
        'EXISTS (SELECT FROM tenancy.written_customers AS w WHERE w.customer_id = 9102)'
    ),
    'false',
    'reconcile: they are the split''s as before'
);
SELECT is(
    pg_temp.what_if(
        'SET LOCAL tenancy.mirroring = ''on'';
        UPDATE public.customer_booking_stats SET total_bookings = 3 WHERE customer_id = 9102;
        SELECT tenancy.repair(ARRAY[9102])',
        '(SELECT DISTINCT o.origin FROM tenancy.profile_origins AS o WHERE o.customer_id = 9102)'
    ),
    'statement',
    'what a repair wrote, it wrote'
);
INSERT INTO tenancy.profile_origins (customer_id, shop_id, origin) VALUES (9102, 903, 'mirror');
SELECT is(pg_temp.reconciled(TRUE), pg_temp.reconciled(FALSE), 'reconcile: not those that somebody else wrote');
DELETE FROM tenancy.profile_origins;
UPDATE public.customer_shop_profiles SET updated_at = created_at + interval '1 second' WHERE customer_id = 9102;
SELECT is(pg_temp.reconciled(TRUE), pg_temp.reconciled(FALSE), 'reconcile: nor those whose times tell that somebody did');

-- Only the named ones
SET LOCAL tenancy.mirroring = 'on';
UPDATE public.customer_shop_profiles SET total_bookings = 9;
SET LOCAL tenancy.mirroring = '';
SELECT is_empty('SELECT * FROM tenancy.repair(ARRAY[9103, -1, NULL])', 'whom it is not told, it leaves alone');
SELECT is_empty('SELECT * FROM tenancy.repair(NULL)', 'nobody at all');
SELECT set_eq(
    'SELECT DISTINCT r.customer_id FROM tenancy.repair(ARRAY[9102, 9102]) AS r', ARRAY[9102], 'one, who is named twice'
);
SELECT is(current_setting('tenancy.mirroring', TRUE), '', 'afterwards the mirrors are on');

SELECT
    throws_ok(
        format('SELECT * FROM tenancy.repair(ARRAY[9101], %L)', e.source),
        '22023',
        format('source is "%s", expected legacy, profiles or shops', coalesce(e.source, '<NULL>')),
        format('a source that is none: %L', e.source)
    )
FROM (VALUES ('both'), ('LEGACY'), (''), (NULL)) AS e (source);

SELECT * FROM finish();

ROLLBACK;
