-- A stylist who moves or goes, with the mirrors on: the profiles follow, customers stays as it is.
--
-- What becomes of the profiles is tested in profiles/behaviour/stylist_moves.sql.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(13);

\ir ../../helpers/salons.sql

SELECT pg_temp.add_customers(9101, 9102, 9103);
SELECT pg_temp.add_profile(9101, 901, 3, 12000, pg_temp.day(1), 1, 9011); -- named by customers, too
SELECT pg_temp.add_profile(9102, 902, 2, 10000, pg_temp.day(2), 0, 9021);
SELECT pg_temp.add_profile(9102, 901, 1, 4000, pg_temp.day(1), 0, 9011); -- customers names 9021
SELECT pg_temp.add_profile(9103, 901, 1, 4000, pg_temp.day(1), 0, 9012);
CREATE TEMPORARY TABLE customers_before ON COMMIT DROP AS
SELECT
    c.ctid AS place,
    c.*
FROM public.customers AS c;
SAVEPOINT before_move;

UPDATE public.stylists SET shop_id = 902 WHERE id = 9011;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 901: 3 bookings, 12000 cents, day 1, 1 no-shows; shop 902: stylist 9011',
    'a move: whom customers names is preferred in the new shop'
);
SELECT is(
    pg_temp.profiles_of(9102),
    'shop 901: 1 bookings, 4000 cents, day 1; shop 902: 2 bookings, 10000 cents, day 2, stylist 9021',
    'a move: who is preferred by a profile alone is not any more'
);
SELECT results_eq(
    'SELECT c.ctid AS place, c.* FROM public.customers AS c ORDER BY c.id',
    'SELECT * FROM customers_before ORDER BY id',
    'a move: customers is not written'
);
SELECT is(
    pg_temp.legacy_of(9101), '3 bookings, 12000 cents, day 1, 1 no-shows, stylist 9011, average 4000', 'nor are statistics'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'a move: both sides agree');
SELECT is(current_setting('tenancy.mirroring', TRUE), '', 'a move: afterwards the mirrors are on');

-- The counts stay with the stylist: in the new shop they count there.
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9102, 9011, 7),
(9102, 9021, 2);
SELECT is(
    pg_temp.profiles_of(9102),
    'shop 901: 1 bookings, 4000 cents, day 1; shop 902: 2 bookings, 10000 cents, day 2, stylist 9021',
    'after a move: customers names another of the new shop, which counts do not change'
);
UPDATE public.customers SET preferred_stylist_id = 9011 WHERE id = 9102;
SELECT is(
    pg_temp.profiles_of(9102),
    'shop 901: 1 bookings, 4000 cents, day 1; shop 902: 2 bookings, 10000 cents, day 2, stylist 9011',
    'after a move: a preference goes to the shop where the stylist works now'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'after a move: both sides agree');
ROLLBACK TO SAVEPOINT before_move;

UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9101;
UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9011 WHERE customer_id = 9103;
SELECT is(pg_temp.legacy_of(9103), '1 bookings, 4000 cents, day 1, stylist 9011, average 4000', 'customers follows the profile');
SELECT throws_ok(
    'DELETE FROM public.stylists WHERE id = 9011', '23503', NULL, 'a stylist whom customers names cannot be deleted, as ever'
);
UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 9103;
DELETE FROM public.stylists WHERE id = 9011;
SELECT is(
    pg_temp.profiles_of(9102),
    'shop 901: 1 bookings, 4000 cents, day 1; shop 902: 2 bookings, 10000 cents, day 2, stylist 9021',
    'who is deleted is preferred nowhere'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');

SELECT * FROM finish();

ROLLBACK;
