-- The record of who wrote a profile: what enters one, what does not, and what takes one out.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(31);

\ir ../../helpers/salons.sql

INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
SELECT
    n,
    '+1555000' || n,
    0,
    0
FROM generate_series(9101, 9106) AS n;
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
SELECT
    n,
    2,
    8000,
    pg_temp.day(2)
FROM generate_series(9101, 9106) AS n;
SELECT pg_temp.book(n, 9011, pg_temp.day(2), '+1555000' || n) FROM generate_series(9101, 9106) AS n;

-- '9101 in 1: statement; 9101 in 901: mirror'
CREATE FUNCTION pg_temp.origins()
RETURNS text
LANGUAGE sql
AS $$
    SELECT string_agg(format('%s in %s: %s', o.customer_id, o.shop_id, o.origin), '; ' ORDER BY o.customer_id, o.shop_id)
    FROM tenancy.profile_origins AS o;
$$;

-- What is recorded after a statement, which is then taken back
CREATE FUNCTION pg_temp.origins_after(statement text)
RETURNS text
LANGUAGE sql
RETURN pg_temp.what_if(statement, 'pg_temp.origins()');

-- The split ----------------------------------------------------------------------------------------------------------------------

SELECT tenancy.fill_profiles(ARRAY[9101, 9102, 9103, 9104, 9105]);
SELECT is(pg_temp.origins(), NULL, 'what the split wrote is not entered');
SELECT is_empty('SELECT * FROM tenancy.written_customers', 'nor seen as written');
SELECT is_empty('SELECT * FROM tenancy.splits_under_way', 'the split leaves no row of its own');
SELECT throws_ok('SELECT tenancy.fill_profiles(ARRAY[9101])', '23505', NULL, 'a split that fails');
SELECT is_empty('SELECT * FROM tenancy.splits_under_way', 'leaves none either');

-- Everybody else -----------------------------------------------------------------------------------------------------------------

SELECT is(
    pg_temp.origins_after('UPDATE public.customer_shop_profiles SET no_show_count = 1 WHERE customer_id = 9101'),
    '9101 in 1: statement; 9101 in 901: statement',
    'an update that leaves the time'
);
SELECT is(
    pg_temp.origins_after(
        $$UPDATE public.customer_shop_profiles SET updated_at = '2030-01-01' WHERE (customer_id, shop_id) = (9101, 901)$$
    ),
    '9101 in 901: statement',
    'an update that writes a time of its own'
);
SELECT is(
    pg_temp.origins_after(
        $$UPDATE public.customer_shop_profiles SET updated_at = now() WHERE (customer_id, shop_id) = (9101, 901)$$
    ),
    '9101 in 901: statement',
    'one in the transaction that made the profile'
);
SELECT is(
    pg_temp.origins_after($$UPDATE public.customer_shop_profiles SET shop_id = 902 WHERE (customer_id, shop_id) = (9101, 901)$$),
    '9101 in 901: statement; 9101 in 902: statement',
    'a move to another shop: from there, and to there'
);
SELECT is(
    pg_temp.origins_after($$DELETE FROM public.customer_shop_profiles WHERE (customer_id, shop_id) = (9101, 901)$$),
    '9101 in 901: statement',
    'a profile that somebody deleted'
);
SELECT is(
    pg_temp.origins_after($$INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9101, 902), (9106, 903)$$),
    '9101 in 902: statement; 9106 in 903: statement',
    'profiles that somebody made'
);
SELECT is(
    pg_temp.origins_after(
        $$INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9101, 901), (9101, 902)
        ON CONFLICT (customer_id, shop_id) DO UPDATE SET no_show_count = 4$$
    ),
    '9101 in 901: statement; 9101 in 902: statement',
    'an upsert, of both kinds'
);
SELECT is(
    pg_temp.origins_after(
        $$SET LOCAL tenancy.mirroring = 'on';
        UPDATE public.customer_shop_profiles SET no_show_count = 4 WHERE (customer_id, shop_id) = (9101, 901)$$
    ),
    '9101 in 901: statement',
    'no setting keeps anybody out of the record'
);
SELECT is(
    pg_temp.origins_after('UPDATE public.stylists SET shop_id = 902 WHERE id = 9011'),
    NULL,
    'a stylist whom nobody prefers moves: nothing'
);
SAVEPOINT nobody_preferred;
UPDATE public.customers SET preferred_stylist_id = 9011 WHERE id IN (9102, 9103);
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9011 WHERE (customer_id, shop_id) = (9102, 901);
DELETE FROM tenancy.profile_origins;
SELECT is(
    pg_temp.origins_after('UPDATE public.stylists SET shop_id = 902 WHERE id = 9011'),
    '9102 in 901: mirror; 9102 in 902: mirror; 9103 in 902: mirror',
    'a stylist who moves: a trigger writes in the old shop and in the new one'
);
UPDATE public.customer_shop_profiles SET (created_at, updated_at) = ('2020-01-01', '2020-01-01') WHERE customer_id = 9102;
DELETE FROM tenancy.profile_origins;
SELECT is(
    pg_temp.origins_after('UPDATE public.stylists SET shop_id = 902 WHERE id = 9011'),
    '9102 in 902: mirror; 9103 in 902: mirror',
    'an update by a trigger needs no row where the two times of the profile tell'
);
ROLLBACK TO SAVEPOINT nobody_preferred;

-- Once written, written ----------------------------------------------------------------------------------------------------------

UPDATE public.customer_shop_profiles SET updated_at = '2030-01-01' WHERE (customer_id, shop_id) = (9101, 901);
SELECT set_eq('SELECT customer_id FROM tenancy.written_customers', ARRAY[9101], 'written_customers: whose profile was updated');
DELETE FROM tenancy.profile_origins;
SELECT set_eq(
    'SELECT customer_id FROM tenancy.written_customers', ARRAY[9101], 'written_customers: also where the record does not have it'
);
SELECT is(
    pg_temp.origins_after(
        $$UPDATE public.customer_shop_profiles SET updated_at = '2031-01-01' WHERE (customer_id, shop_id) = (9101, 901)$$
    ),
    NULL,
    'an update of a profile that was updated before is no news'
);
SELECT is(
    pg_temp.origins_after(
        $$UPDATE public.customer_shop_profiles SET updated_at = created_at WHERE (customer_id, shop_id) = (9101, 901)$$
    ),
    '9101 in 901: statement',
    'unless it makes the times the same again'
);
SELECT is(
    pg_temp.origins_after(
        $$UPDATE public.customer_shop_profiles SET (customer_id, shop_id) = (9106, 902) WHERE (customer_id, shop_id) = (9101, 901)$$
    ),
    '9101 in 901: statement; 9106 in 902: statement',
    'or gives the profile to another customer'
);
INSERT INTO tenancy.profile_origins (customer_id, shop_id, origin) VALUES (9101, 901, 'mirror');
SELECT is(
    pg_temp.origins_after('UPDATE public.customer_shop_profiles SET updated_at = created_at WHERE customer_id = 9101'),
    '9101 in 1: statement; 9101 in 901: mirror',
    'who wrote first stays'
);

-- What takes a row out -----------------------------------------------------------------------------------------------------------

INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9102, 902), (9103, 902);
DELETE FROM tenancy.profile_origins WHERE customer_id = 9101;
SELECT is(pg_temp.origins(), '9102 in 902: statement; 9103 in 902: statement', 'two profiles that somebody made');
SELECT is(
    pg_temp.origins_after('DELETE FROM public.customer_shop_profiles WHERE customer_id = 9102'),
    '9103 in 902: statement',
    'a customer without any profile has nothing to lose'
);
SELECT is(
    pg_temp.origins_after(
        'DELETE FROM public.customer_booking_stats WHERE customer_id = 9103; DELETE FROM public.customers WHERE id = 9103'
    ),
    '9102 in 902: statement',
    'so a customer who is deleted leaves nothing'
);
SELECT is(
    pg_temp.origins_after('DELETE FROM public.customer_shop_profiles WHERE (customer_id, shop_id) = (9102, 902)'),
    '9102 in 902: statement; 9103 in 902: statement',
    'a deleted profile stays recorded while others are there'
);
SELECT is(
    pg_temp.origins_after(
        'TRUNCATE public.customer_shop_profiles; SELECT tenancy.fill_profiles(ARRAY[9102])'
    ),
    '9103 in 902: statement',
    'whom the split gives profiles begins anew'
);

-- The backfill -------------------------------------------------------------------------------------------------------------------

UPDATE public.customer_booking_stats SET total_bookings = 7 WHERE customer_id IN (9101, 9103, 9104);
UPDATE tenancy.backfill_progress SET started_at = NULL;
SELECT tenancy.prepare_backfill();
SELECT is(
    (
        SELECT string_agg(h.customer_id::text, ' ')
        FROM (
            SELECT p.customer_id
            FROM public.customer_shop_profiles AS p
            GROUP BY p.customer_id
            HAVING sum(p.total_bookings) = 7
        ) AS h
    ),
    '9104',
    'the backfill makes the profiles of a customer anew who drifted and whom nobody wrote'
);
SELECT is(pg_temp.origins(), '9102 in 902: statement; 9103 in 902: statement', 'and enters nobody by that');
SELECT is_empty('SELECT * FROM tenancy.splits_under_way', 'nor stays a split');
UPDATE public.customer_booking_stats SET total_bookings = 8 WHERE customer_id = 9105;
SELECT tenancy.prepare_backfill();
SELECT isnt_empty('SELECT FROM public.customer_shop_profiles WHERE customer_id = 9105', 'once it has begun, it deletes nothing');

SELECT * FROM finish();

ROLLBACK;
