-- Profiles for customers who have none, and a row that stands for their statistics while they are split.
--
-- What the split makes of a history is tested in backfill_history.sql.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(16);

\ir ../../helpers/salons.sql

INSERT INTO public.customers (id, phone, preferred_stylist_id, average_spend_cents, no_show_count)
VALUES
(9101, '+15550009101', 9012, 0, 2),
(9102, '+15550009102', NULL, 0, 0),
(9103, '+15550009103', NULL, 0, 0);
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES
(9101, 4, 16000, pg_temp.day(3)),
(9102, 1, 100, pg_temp.day(1));
SELECT pg_temp.book(1, 9011, pg_temp.day(1), '+15550009101');
SELECT pg_temp.book(2, 9012, pg_temp.day(2), '+15550009101');
SELECT pg_temp.book(3, 9021, pg_temp.day(3), '+15550009101');
SAVEPOINT before_fill;

SELECT is(tenancy.fill_profiles(ARRAY[9101, 9102, 9103, -1]), 5::bigint, 'it says how many it wrote');
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: nothing; '
    'shop 901: 2 bookings, 8000 cents, day 2, stylist 9012; '
    'shop 902: 2 bookings, 8000 cents, day 3, 2 no-shows',
    'the split of the statistics'
);
SELECT is(pg_temp.profiles_of(9102), 'shop 1: 1 bookings, 100 cents, day 1', 'each customer''s own');
SELECT is(pg_temp.profiles_of(9103), 'shop 1: nothing', 'also of a customer without statistics');
SELECT is(
    pg_temp.legacy_of(9101), '4 bookings, 16000 cents, day 3, 2 no-shows, stylist 9012', 'the legacy side is as it was'
);
SELECT is(coalesce(current_setting('tenancy.mirroring', TRUE), ''), '', 'the guard, too');
SELECT throws_ok(
    'SELECT tenancy.fill_profiles(ARRAY[9103])', '23505', NULL, 'a customer who has a profile: an error, and nothing is overwritten'
);
ROLLBACK TO SAVEPOINT before_fill;

SELECT is(tenancy.fill_profiles(ARRAY[]::integer[]), 0::bigint, 'nobody: nothing');
SELECT is(tenancy.fill_profiles(NULL), 0::bigint, 'NULL: nothing');

-- A row that stands for the statistics -------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.assumed(customer integer, bookings integer, spend_cents integer, last_booking_at timestamptz)
RETURNS tenancy.statistics
LANGUAGE sql
RETURN row(customer, bookings, spend_cents, last_booking_at)::tenancy.statistics;

SELECT is(
    pg_temp.what_if(
        'SELECT tenancy.fill_profiles(ARRAY[9101], pg_temp.assumed(9101, 7, 30000, pg_temp.day(2)))', 'pg_temp.profiles_of(9101)'
    ),
    'shop 1: nothing; '
    'shop 901: 6 bookings, 25000 cents, day 2, 2 no-shows, stylist 9012; '
    'shop 902: 1 bookings, 5000 cents, day 3',
    'assumed: its totals are split'
);
UPDATE public.customer_booking_stats SET last_booking_at = pg_temp.day(1) WHERE customer_id = 9101;
SELECT is(
    pg_temp.what_if(
        'SELECT tenancy.fill_profiles(ARRAY[9101], pg_temp.assumed(9101, 0, 0, NULL))', 'pg_temp.profiles_of(9101)'
    ),
    'shop 1: 2 no-shows; shop 901: day 2, stylist 9012; shop 902: day 3',
    'assumed: also zeros and NULL'
);
SELECT is(
    pg_temp.what_if(
        'SELECT tenancy.fill_profiles(ARRAY[9101], pg_temp.assumed(9101, 4, 16000, pg_temp.day(8)))', 'pg_temp.profiles_of(9101)'
    ),
    'shop 1: 1 bookings, 3000 cents, day 8, 2 no-shows; '
    'shop 901: 2 bookings, 8000 cents, day 2, stylist 9012; '
    'shop 902: 1 bookings, 5000 cents, day 3',
    'assumed: and its last booking'
);
SELECT is(
    pg_temp.what_if('SELECT tenancy.fill_profiles(ARRAY[9103], pg_temp.assumed(9103, 2, 200, NULL))', 'pg_temp.profiles_of(9103)'),
    'shop 1: 2 bookings, 200 cents',
    'assumed: of a customer without statistics'
);
SELECT is(
    pg_temp.what_if('SELECT tenancy.fill_profiles(ARRAY[9102], NULL)', 'pg_temp.profiles_of(9102)'),
    'shop 1: 1 bookings, 100 cents, day 1',
    'assumed NULL: the statistics'
);
SELECT is_empty(
    'SELECT * FROM tenancy.split(ARRAY[9102], pg_temp.assumed(9101, 1, 100, NULL)) WHERE customer_id <> 9102',
    'split: of those whom it is told alone'
);
SELECT is_empty('SELECT * FROM public.customer_shop_profiles', 'split writes nothing');

SELECT * FROM finish();

ROLLBACK;
