-- tenancy.drift: each kind of disagreement, one at a time: exactly the rows that are due, and none once it is mended.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(41);

INSERT INTO public.shops (id, name)
VALUES
(901, 'North'),
(902, 'South');

INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
VALUES
(9011, 901, 'Nora', '09:00', '17:00', TRUE),
(9012, 901, 'Nick', '09:00', '17:00', TRUE),
(9021, 902, 'Sam', '09:00', '17:00', TRUE);

INSERT INTO public.customers (id, phone, preferred_stylist_id, no_show_count, average_spend_cents)
VALUES
(9401, '+15550009401', 9011, 2, 3500), -- two shops, a preference, no-shows
(9402, '+15550009402', NULL, 0, 0), -- nothing on either side but an empty profile
(9403, '+15550009403', NULL, 0, 0); -- nothing at all: no profile is due

INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES (9401, 4, 14000, '2025-01-04 10:00+00');

INSERT INTO public.customer_shop_profiles (
    customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count
)
VALUES
(9401, 901, 9011, 3, 10000, '2025-01-04 10:00+00', 2),
(9401, 902, 9021, 1, 4000, '2025-01-02 10:00+00', 0),
(9402, 901, NULL, 0, 0, NULL, 0);

-- Times in the view are text, in the time zone of who asks.
SET LOCAL timezone = 'UTC';

SELECT is_empty('SELECT * FROM tenancy.drift', 'none when healthy');

-- The average is derived, and what the legacy application makes of it is not drift.
SAVEPOINT healthy;
UPDATE public.customers SET average_spend_cents = 1 WHERE id = 9401;
SELECT is_empty('SELECT * FROM tenancy.drift', 'average_spend_cents is not looked at');
ROLLBACK TO SAVEPOINT healthy;

-- missing_profile

DELETE FROM public.customer_shop_profiles WHERE customer_id = 9401;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$
    VALUES (
        'missing_profile'::text, 9401, NULL::integer, '4 bookings, 14000 cents, 2 no-shows, stylist 9011'::text, NULL::text
    )
    $$,
    'missing_profile: a customer with statistics and no profile, once and of this kind alone'
);
INSERT INTO public.customer_shop_profiles (
    customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count
)
VALUES (9401, 901, 9011, 4, 14000, '2025-01-04 10:00+00', 2);
SELECT is_empty('SELECT * FROM tenancy.drift', 'missing_profile: gone with a profile that has all');
ROLLBACK TO SAVEPOINT healthy;

INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
VALUES (9403, 0, 0);
SELECT is_empty('SELECT * FROM tenancy.drift', 'missing_profile: not for a statistics row of zeros');
UPDATE public.customer_booking_stats SET last_booking_at = '2025-01-04 10:00+00' WHERE customer_id = 9403;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('missing_profile'::text, 9403, NULL::integer, '0 bookings, 0 cents, 0 no-shows'::text, NULL::text)$$,
    'missing_profile: a last booking is enough'
);
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customers SET no_show_count = 1 WHERE id = 9403;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('missing_profile'::text, 9403, NULL::integer, '1 no-shows'::text, NULL::text)$$,
    'missing_profile: no-shows are enough'
);
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customers SET preferred_stylist_id = 9011 WHERE id = 9403;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('missing_profile'::text, 9403, NULL::integer, '0 no-shows, stylist 9011'::text, NULL::text)$$,
    'missing_profile: a preference is enough'
);
ROLLBACK TO SAVEPOINT healthy;

-- totals

UPDATE public.customer_booking_stats SET total_bookings = 5 WHERE customer_id = 9401;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('totals'::text, 9401, NULL::integer, '5 bookings, 14000 cents'::text, '4 bookings, 14000 cents'::text)$$,
    'totals: bookings that the profiles do not sum up to'
);
UPDATE public.customer_shop_profiles SET total_bookings = 2 WHERE customer_id = 9401 AND shop_id = 902;
SELECT is_empty('SELECT * FROM tenancy.drift', 'totals: gone once some profile has them');
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customer_shop_profiles SET total_spend_cents = 10001 WHERE customer_id = 9401 AND shop_id = 901;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('totals'::text, 9401, NULL::integer, '4 bookings, 14000 cents'::text, '4 bookings, 14001 cents'::text)$$,
    'totals: spend that is not what the statistics have'
);
UPDATE public.customer_booking_stats SET total_spend_cents = 14001 WHERE customer_id = 9401;
SELECT is_empty('SELECT * FROM tenancy.drift', 'totals: gone once the statistics have it');
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customer_shop_profiles SET total_bookings = 1 WHERE customer_id = 9402;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('totals'::text, 9402, NULL::integer, '0 bookings, 0 cents'::text, '1 bookings, 0 cents'::text)$$,
    'totals: no statistics row counts as 0'
);
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
VALUES (9402, 1, 0);
SELECT is_empty('SELECT * FROM tenancy.drift', 'totals: gone with a statistics row');
ROLLBACK TO SAVEPOINT healthy;

-- Beyond integer, the sum is still right
UPDATE public.customer_shop_profiles SET total_spend_cents = 2147483647 WHERE customer_id = 9401;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('totals'::text, 9401, NULL::integer, '4 bookings, 14000 cents'::text, '4 bookings, 4294967294 cents'::text)$$,
    'totals: a sum beyond integer is no error'
);
ROLLBACK TO SAVEPOINT healthy;

-- last_booking_at

UPDATE public.customer_booking_stats SET last_booking_at = '2025-01-03 10:00+00' WHERE customer_id = 9401;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$
    VALUES (
        'last_booking_at'::text,
        9401,
        NULL::integer,
        '2025-01-03 10:00:00+00'::text,
        'newest 2025-01-04 10:00:00+00'::text
    )
    $$,
    'last_booking_at: a time that no profile has'
);
UPDATE public.customer_shop_profiles SET last_booking_at = '2025-01-03 10:00+00' WHERE customer_id = 9401 AND shop_id = 902;
SELECT is_empty('SELECT * FROM tenancy.drift', 'last_booking_at: gone once some profile has it, be it not the latest');
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customer_shop_profiles SET last_booking_at = NULL WHERE customer_id = 9401;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$
    VALUES (
        'last_booking_at'::text, 9401, NULL::integer, '2025-01-04 10:00:00+00'::text, 'none'::text
    )
    $$,
    'last_booking_at: profiles that have none'
);
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customer_booking_stats SET last_booking_at = NULL WHERE customer_id = 9401;
SELECT is_empty('SELECT * FROM tenancy.drift', 'last_booking_at: statistics without one ask for none');
ROLLBACK TO SAVEPOINT healthy;

-- no_show_count

UPDATE public.customers SET no_show_count = 3 WHERE id = 9401;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('no_show_count'::text, 9401, NULL::integer, '3'::text, '2'::text)$$,
    'no_show_count: a number that the profiles do not sum up to'
);
UPDATE public.customer_shop_profiles SET no_show_count = 1 WHERE customer_id = 9401 AND shop_id = 902;
SELECT is_empty('SELECT * FROM tenancy.drift', 'no_show_count: gone once they do');
ROLLBACK TO SAVEPOINT healthy;

-- preferred_stylist

UPDATE public.customer_shop_profiles SET preferred_stylist_id = NULL WHERE customer_id = 9401 AND shop_id = 901;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('preferred_stylist'::text, 9401, 901, '9011'::text, NULL::text)$$,
    'preferred_stylist: none in the profile of that stylist''s shop'
);
UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9401;
SELECT is_empty('SELECT * FROM tenancy.drift', 'preferred_stylist: gone once customers has none');
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customers SET preferred_stylist_id = 9012 WHERE id = 9401;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('preferred_stylist'::text, 9401, 901, '9012'::text, '9011'::text)$$,
    'preferred_stylist: another one in the profile of that stylist''s shop'
);
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9012 WHERE customer_id = 9401 AND shop_id = 901;
SELECT is_empty('SELECT * FROM tenancy.drift', 'preferred_stylist: gone once it is the same');
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customers SET preferred_stylist_id = 9021 WHERE id = 9402;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('preferred_stylist'::text, 9402, 902, '9021'::text, NULL::text)$$,
    'preferred_stylist: no profile in that stylist''s shop'
);
INSERT INTO public.customer_shop_profiles (customer_id, shop_id, preferred_stylist_id)
VALUES (9402, 902, 9021);
SELECT is_empty('SELECT * FROM tenancy.drift', 'preferred_stylist: gone with a profile there');
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9401;
SELECT is_empty('SELECT * FROM tenancy.drift', 'preferred_stylist: profiles may prefer whom customers does not');
ROLLBACK TO SAVEPOINT healthy;

-- foreign_stylist: only a database without the composite foreign key can have one

ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey;
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9021 WHERE customer_id = 9402;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('foreign_stylist'::text, 9402, 901, NULL::text, 'stylist 9021 of shop 902'::text)$$,
    'foreign_stylist: a stylist of another shop'
);
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9012 WHERE customer_id = 9402;
SELECT is_empty('SELECT * FROM tenancy.drift', 'foreign_stylist: gone with one of the shop');
ROLLBACK TO SAVEPOINT healthy;

ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey;
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_id_fkey;
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9999 WHERE customer_id = 9402;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('foreign_stylist'::text, 9402, 901, NULL::text, 'stylist 9999 of shop none'::text)$$,
    'foreign_stylist: a stylist who is not there'
);
UPDATE public.customer_shop_profiles SET preferred_stylist_id = NULL WHERE customer_id = 9402;
SELECT is_empty('SELECT * FROM tenancy.drift', 'foreign_stylist: gone with none');
ROLLBACK TO SAVEPOINT healthy;

-- negative

UPDATE public.customer_shop_profiles SET total_bookings = 5 WHERE customer_id = 9401 AND shop_id = 901;
UPDATE public.customer_shop_profiles SET total_bookings = -1 WHERE customer_id = 9401 AND shop_id = 902;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('negative'::text, 9401, 902, NULL::text, '-1 bookings, 4000 cents, 0 no-shows'::text)$$,
    'negative: bookings of a profile, though the sum is right'
);
UPDATE public.customer_shop_profiles SET total_bookings = 4 WHERE customer_id = 9401 AND shop_id = 901;
UPDATE public.customer_shop_profiles SET total_bookings = 0 WHERE customer_id = 9401 AND shop_id = 902;
SELECT is_empty('SELECT * FROM tenancy.drift', 'negative: gone once nothing is below zero');
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customer_shop_profiles SET total_spend_cents = 14001 WHERE customer_id = 9401 AND shop_id = 901;
UPDATE public.customer_shop_profiles SET total_spend_cents = -1 WHERE customer_id = 9401 AND shop_id = 902;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('negative'::text, 9401, 902, NULL::text, '1 bookings, -1 cents, 0 no-shows'::text)$$,
    'negative: spend of a profile'
);
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customer_shop_profiles SET no_show_count = 3 WHERE customer_id = 9401 AND shop_id = 901;
UPDATE public.customer_shop_profiles SET no_show_count = -1 WHERE customer_id = 9401 AND shop_id = 902;
SELECT results_eq(
    'SELECT * FROM tenancy.drift',
    $$VALUES ('negative'::text, 9401, 902, NULL::text, '1 bookings, 4000 cents, -1 no-shows'::text)$$,
    'negative: no-shows of a profile'
);
ROLLBACK TO SAVEPOINT healthy;

-- A negative total of the legacy side: the profiles cannot agree with it without one of their own.
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
VALUES (9402, -1, 0);
SELECT set_eq(
    'SELECT * FROM tenancy.drift',
    $$
    VALUES
        ('negative'::text, 9402, NULL::integer, '-1 bookings, 0 cents, 0 no-shows'::text, NULL::text),
        ('totals', 9402, NULL, '-1 bookings, 0 cents', '0 bookings, 0 cents')
    $$,
    'negative: bookings of the statistics, besides what they disagree in'
);
UPDATE public.customer_booking_stats SET total_bookings = 0 WHERE customer_id = 9402;
SELECT is_empty('SELECT * FROM tenancy.drift', 'negative: gone once the statistics are not below zero');

UPDATE public.customer_booking_stats SET total_spend_cents = -5 WHERE customer_id = 9402;
SELECT set_eq(
    'SELECT * FROM tenancy.drift',
    $$
    VALUES
        ('negative'::text, 9402, NULL::integer, '0 bookings, -5 cents, 0 no-shows'::text, NULL::text),
        ('totals', 9402, NULL, '0 bookings, -5 cents', '0 bookings, 0 cents')
    $$,
    'negative: spend of the statistics'
);
ROLLBACK TO SAVEPOINT healthy;

UPDATE public.customers SET no_show_count = -2 WHERE id = 9402;
SELECT set_eq(
    'SELECT * FROM tenancy.drift',
    $$
    VALUES
        ('negative'::text, 9402, NULL::integer, '0 bookings, 0 cents, -2 no-shows'::text, NULL::text),
        ('no_show_count', 9402, NULL, '-2', '0')
    $$,
    'negative: no-shows of a customer, with or without statistics'
);
ROLLBACK TO SAVEPOINT healthy;

SELECT is_empty('SELECT * FROM tenancy.drift', 'none once all is as it was');

SELECT * FROM finish();

ROLLBACK;
