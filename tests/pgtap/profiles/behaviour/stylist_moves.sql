-- A stylist who moves or goes: whose preferred stylist they are in which shop. And the foreign keys that keep it true.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(41);

INSERT INTO public.shops (id, name)
VALUES
(901, 'North'),
(902, 'South'),
(903, 'West');

INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
VALUES
(9011, 901, 'Nora', '09:00', '17:00', TRUE),
(9012, 901, 'Nick', '09:00', '17:00', TRUE),
(9021, 902, 'Sam', '09:00', '17:00', TRUE);

INSERT INTO public.customers (id, phone, preferred_stylist_id, no_show_count, average_spend_cents, updated_at)
SELECT
    c.id,
    '+1555000' || c.id,
    c.preferred_stylist_id,
    0,
    0,
    '2020-01-01 00:00+00'
FROM (
    VALUES
    (9501, 9011), -- prefers Nora, has profiles in both shops
    (9502, 9011), -- prefers Nora, has one in the old shop alone
    (9503, 9011), -- prefers Nora, has none at all
    (9504, NULL), -- prefers Nora in the old shop's profile alone
    (9505, 9011), -- prefers Nora, and Sam in the new shop
    (9506, 9012), -- prefers Nick
    (9507, 9021), -- prefers Sam
    (9508, 9011) -- prefers Nora, has one in a third shop alone
) AS c (id, preferred_stylist_id);

-- Written long ago, so that a write shows.
INSERT INTO public.customer_shop_profiles (
    customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents, no_show_count, created_at, updated_at
)
SELECT
    p.customer_id,
    p.shop_id,
    p.preferred_stylist_id,
    p.total_bookings,
    p.total_bookings * 4000,
    0,
    '2020-01-01 00:00+00',
    '2020-01-01 00:00+00'
FROM (
    VALUES
    (9501, 901, 9011, 3),
    (9501, 902, NULL, 2),
    (9502, 901, 9011, 1),
    (9504, 901, 9011, 4),
    (9504, 902, NULL, 1),
    (9505, 901, 9011, 1),
    (9505, 902, 9021, 5),
    (9506, 901, 9012, 1),
    (9507, 902, 9021, 1),
    (9508, 903, NULL, 1)
) AS p (customer_id, shop_id, preferred_stylist_id, total_bookings);

-- All profiles with their place in the table: a row that anything wrote has another one.
CREATE TEMPORARY TABLE profiles_before ON COMMIT DROP AS
SELECT
    p.ctid AS place,
    p.*
FROM public.customer_shop_profiles AS p;

CREATE TEMPORARY TABLE customers_before ON COMMIT DROP AS
SELECT
    c.ctid AS place,
    c.*
FROM public.customers AS c;

SAVEPOINT before_move;

-- A move -------------------------------------------------------------------------------------------------------------------------

SELECT lives_ok(
    'UPDATE public.stylists SET shop_id = 902 WHERE id = 9011',
    'a stylist whom profiles prefer can move: the foreign key does not stand in the way'
);
SELECT set_eq(
    'SELECT customer_id, shop_id, preferred_stylist_id, total_bookings FROM public.customer_shop_profiles',
    $$
    VALUES
        (9501, 901, NULL::integer, 3), -- cleared
        (9501, 902, 9011, 2), -- set
        (9502, 901, NULL, 1), -- cleared
        (9502, 902, 9011, 0), -- made
        (9504, 901, NULL, 4), -- cleared
        (9504, 902, NULL, 1), -- not set: customers says nothing
        (9505, 901, NULL, 1), -- cleared
        (9505, 902, 9011, 5), -- set, over another choice
        (9506, 901, 9012, 1),
        (9507, 902, 9021, 1),
        (9508, 902, 9011, 0), -- made
        (9508, 903, NULL, 1)
    $$,
    'a move: cleared in the old shop, set in the new one for whoever prefers the stylist in customers, all else as it was'
);
SELECT is_empty(
    'SELECT * FROM public.customer_shop_profiles WHERE customer_id = 9503',
    'a move: a customer without any profile gets none, for the backfill would pass over them'
);
SELECT results_eq(
    $$
    SELECT total_bookings, total_spend_cents, last_booking_at, no_show_count
    FROM public.customer_shop_profiles
    WHERE customer_id = 9502 AND shop_id = 902
    $$,
    'VALUES (0, 0, NULL::timestamptz, 0)',
    'a move: a profile that is made is empty'
);
SELECT results_eq(
    'SELECT c.ctid AS place, c.* FROM public.customers AS c ORDER BY c.id',
    'SELECT * FROM customers_before ORDER BY id',
    'a move: customers are not written'
);
SELECT results_eq(
    $$
    SELECT p.ctid AS place, p.*
    FROM public.customer_shop_profiles AS p
    WHERE (p.customer_id, p.shop_id) IN ((9504, 902), (9506, 901), (9507, 902), (9508, 903))
    ORDER BY p.id
    $$,
    $$
    SELECT *
    FROM profiles_before
    WHERE (customer_id, shop_id) IN ((9504, 902), (9506, 901), (9507, 902), (9508, 903))
    ORDER BY id
    $$,
    'a move: profiles that it does not concern are not written'
);
SELECT is_empty(
    $$
    SELECT *
    FROM public.customer_shop_profiles
    WHERE (customer_id, shop_id) IN ((9501, 901), (9501, 902), (9502, 901), (9504, 901), (9505, 901), (9505, 902))
        AND updated_at <> now()
    $$,
    'a move: profiles that it concerns say when'
);
SELECT is_empty(
    $$SELECT * FROM tenancy.drift WHERE kind IN ('preferred_stylist', 'foreign_stylist') AND customer_id <> 9503$$,
    'a move: both sides agree whom the customers prefer'
);

-- And back: all but what the move overruled is as it was.
UPDATE public.stylists SET shop_id = 901 WHERE id = 9011;
SELECT set_eq(
    'SELECT customer_id, shop_id, preferred_stylist_id FROM public.customer_shop_profiles WHERE customer_id < 9506',
    $$
    VALUES
        (9501, 901, 9011),
        (9501, 902, NULL),
        (9502, 901, 9011),
        (9502, 902, NULL),
        (9504, 901, NULL),
        (9504, 902, NULL),
        (9505, 901, 9011),
        (9505, 902, NULL)
    $$,
    'a move back: set in the old shop again for whoever prefers the stylist in customers, cleared in the other'
);

ROLLBACK TO SAVEPOINT before_move;

-- No move ------------------------------------------------------------------------------------------------------------------------

UPDATE public.stylists SET shop_id = shop_id;
SELECT results_eq(
    'SELECT p.ctid AS place, p.* FROM public.customer_shop_profiles AS p ORDER BY p.id',
    'SELECT * FROM profiles_before ORDER BY id',
    'an UPDATE to the same shop writes no profile'
);
UPDATE public.stylists
SET
    name = name || ' the Great',
    active = FALSE;
SELECT results_eq(
    'SELECT p.ctid AS place, p.* FROM public.customer_shop_profiles AS p ORDER BY p.id',
    'SELECT * FROM profiles_before ORDER BY id',
    'nor does an UPDATE of anything else'
);
SELECT is(
    (SELECT count(*) FROM public.stylists WHERE name LIKE '% the Great' AND NOT active),
    3::bigint,
    'which is carried out'
);
ROLLBACK TO SAVEPOINT before_move;

-- Several in one statement -------------------------------------------------------------------------------------------------------

UPDATE public.stylists
SET shop_id = CASE id WHEN 9011 THEN 902 WHEN 9012 THEN 903 ELSE 901 END;
SELECT set_eq(
    'SELECT customer_id, shop_id, preferred_stylist_id FROM public.customer_shop_profiles',
    $$
    VALUES
        (9501, 901, NULL::integer),
        (9501, 902, 9011),
        (9502, 901, NULL),
        (9502, 902, 9011),
        (9504, 901, NULL),
        (9504, 902, NULL),
        (9505, 901, NULL),
        (9505, 902, 9011),
        (9506, 901, NULL),
        (9506, 903, 9012),
        (9507, 901, 9021),
        (9507, 902, NULL),
        (9508, 902, 9011),
        (9508, 903, NULL)
    $$,
    'three stylists who move in a circle in one UPDATE: each preference follows'
);
ROLLBACK TO SAVEPOINT before_move;

-- Stylists who go ----------------------------------------------------------------------------------------------------------------

SELECT throws_ok(
    'DELETE FROM public.stylists WHERE id = 9011',
    '23503',
    NULL,
    'a stylist whom customers prefers cannot be deleted, as ever'
);
SELECT results_eq(
    'SELECT p.ctid AS place, p.* FROM public.customer_shop_profiles AS p ORDER BY p.id',
    'SELECT * FROM profiles_before ORDER BY id',
    'and then no profile is written'
);

UPDATE public.customers SET preferred_stylist_id = NULL WHERE preferred_stylist_id = 9011;
SELECT lives_ok('DELETE FROM public.stylists WHERE id = 9011', 'a stylist whom only profiles prefer can be deleted');
SELECT set_eq(
    'SELECT customer_id, shop_id, preferred_stylist_id, total_bookings FROM public.customer_shop_profiles',
    $$
    SELECT customer_id, shop_id, nullif(preferred_stylist_id, 9011), total_bookings
    FROM profiles_before
    $$,
    'a deletion: cleared, all else as it was'
);
-- The foreign key alone would clear, too, but not say when.
SELECT is_empty(
    $$
    SELECT p.*
    FROM public.customer_shop_profiles AS p
    JOIN profiles_before AS b ON b.id = p.id
    WHERE (p.updated_at = now()) <> (b.preferred_stylist_id IS NOT DISTINCT FROM 9011)
    $$,
    'a deletion: exactly the profiles that it cleared say when'
);
SELECT is((SELECT count(*) FROM public.stylists WHERE id = 9011), 0::bigint, 'a deletion: the stylist is gone');
ROLLBACK TO SAVEPOINT before_move;

-- The rights of the application --------------------------------------------------------------------------------------------------

-- It has rights on the legacy tables alone, and may move stylists all the same.
CREATE ROLE stylist_moves_application;
GRANT SELECT, UPDATE ON public.stylists TO stylist_moves_application;
SET LOCAL ROLE stylist_moves_application;
UPDATE public.stylists SET shop_id = 902 WHERE id = 9011;
RESET ROLE;
SELECT results_eq(
    'SELECT shop_id, preferred_stylist_id FROM public.customer_shop_profiles WHERE customer_id = 9501 ORDER BY shop_id',
    'VALUES (901, NULL::integer), (902, 9011)',
    'a role without rights on the profiles moves a stylist, and the preferences follow'
);
ROLLBACK TO SAVEPOINT before_move;

-- What the triggers set is set back when they are through.
SET LOCAL lock_timeout = '7s';
UPDATE public.stylists SET shop_id = 902 WHERE id = 9011;
SELECT is(current_setting('lock_timeout'), '7s', 'lock_timeout is what it was, once a stylist has moved');
ROLLBACK TO SAVEPOINT before_move;

-- The customers concerned are locked before their profiles: the order that all transactions keep. A lock changes a row's xmax;
-- the foreign keys have set some already.
CREATE TEMPORARY TABLE locks_before ON COMMIT DROP AS
SELECT
    c.id,
    c.xmax AS locker
FROM public.customers AS c;
CREATE FUNCTION pg_temp.note_customer_locks()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF current_setting('test.locked', TRUE) IS NULL THEN
        PERFORM set_config(
            'test.locked',
            (
                SELECT string_agg(c.id::text, ' ' ORDER BY c.id)
                FROM public.customers AS c
                JOIN locks_before AS b ON b.id = c.id
                WHERE c.xmax <> b.locker
            ),
            TRUE
        );
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER note_customer_locks
BEFORE UPDATE ON public.customer_shop_profiles
FOR EACH STATEMENT
EXECUTE FUNCTION pg_temp.note_customer_locks();
UPDATE public.stylists SET shop_id = 902 WHERE id = 9011;
SELECT is(
    current_setting('test.locked'),
    '9501 9502 9503 9504 9505 9508',
    'before a profile is written, all customers who prefer the stylist on either side are locked, and no other'
);
ROLLBACK TO SAVEPOINT before_move;

-- The foreign keys ---------------------------------------------------------------------------------------------------------------

SELECT throws_ok(
    'INSERT INTO public.customer_shop_profiles (customer_id, shop_id, preferred_stylist_id) VALUES (9503, 901, 9021)',
    '23503',
    'insert or update on table "customer_shop_profiles" violates foreign key constraint '
    '"customer_shop_profiles_preferred_stylist_shop_fkey"',
    'a new profile cannot prefer a stylist of another shop'
);
SELECT throws_ok(
    'UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9021 WHERE customer_id = 9501 AND shop_id = 901',
    '23503',
    NULL,
    'nor can one that exists'
);
SELECT throws_ok(
    'UPDATE public.customer_shop_profiles SET shop_id = 903 WHERE customer_id = 9501 AND shop_id = 901',
    '23503',
    NULL,
    'nor can one change to a shop where its stylist does not work'
);
SELECT lives_ok(
    'UPDATE public.customer_shop_profiles SET preferred_stylist_id = 9012 WHERE customer_id = 9501 AND shop_id = 901',
    'a stylist of the shop is welcome'
);
SELECT lives_ok(
    'UPDATE public.customer_shop_profiles SET preferred_stylist_id = NULL WHERE customer_id = 9501 AND shop_id = 901',
    'and so is none'
);
SELECT throws_ok(
    'INSERT INTO public.customer_shop_profiles (customer_id, shop_id, preferred_stylist_id) VALUES (9503, 901, 9999)',
    '23503',
    NULL,
    'a stylist who is not there is refused'
);
SELECT throws_ok(
    'INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9999, 901)',
    '23503',
    'insert or update on table "customer_shop_profiles" violates foreign key constraint '
    '"customer_shop_profiles_customer_id_fkey"',
    'a customer who is not there is refused'
);
SELECT throws_ok(
    'INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9503, 999)',
    '23503',
    'insert or update on table "customer_shop_profiles" violates foreign key constraint '
    '"customer_shop_profiles_shop_id_fkey"',
    'a shop that is not there is refused'
);
SELECT throws_ok(
    'INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9501, 901)',
    '23505',
    NULL,
    'a second profile of a customer in a shop is refused'
);
ROLLBACK TO SAVEPOINT before_move;

-- Without the triggers, the foreign keys still do not let a stylist leave the preferences behind.
ALTER TABLE public.stylists DISABLE TRIGGER stylist_leaves;
SELECT throws_ok(
    'UPDATE public.stylists SET shop_id = 902 WHERE id = 9011',
    '23503',
    NULL,
    'with the trigger disabled a preferred stylist cannot move'
);
UPDATE public.customers SET preferred_stylist_id = NULL WHERE preferred_stylist_id = 9011;
DELETE FROM public.stylists WHERE id = 9011;
SELECT results_eq(
    'SELECT id, customer_id, shop_id, preferred_stylist_id FROM public.customer_shop_profiles ORDER BY id',
    'SELECT id, customer_id, shop_id, nullif(preferred_stylist_id, 9011) FROM profiles_before ORDER BY id',
    'with the trigger disabled a deletion sets NULL: the stylist alone, not the shop'
);
ROLLBACK TO SAVEPOINT before_move;

ALTER TABLE public.stylists DISABLE TRIGGER stylist_leaves;
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_id_fkey;
UPDATE public.customers SET preferred_stylist_id = NULL WHERE preferred_stylist_id = 9011;
DELETE FROM public.stylists WHERE id = 9011;
SELECT results_eq(
    'SELECT id, customer_id, shop_id, preferred_stylist_id FROM public.customer_shop_profiles ORDER BY id',
    'SELECT id, customer_id, shop_id, nullif(preferred_stylist_id, 9011) FROM profiles_before ORDER BY id',
    'and so does the foreign key with the shop by itself'
);
ROLLBACK TO SAVEPOINT before_move;

ALTER TABLE public.stylists DISABLE TRIGGER stylist_leaves;
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey;
UPDATE public.customers SET preferred_stylist_id = NULL WHERE preferred_stylist_id = 9011;
DELETE FROM public.stylists WHERE id = 9011;
SELECT results_eq(
    'SELECT id, customer_id, shop_id, preferred_stylist_id FROM public.customer_shop_profiles ORDER BY id',
    'SELECT id, customer_id, shop_id, nullif(preferred_stylist_id, 9011) FROM profiles_before ORDER BY id',
    'and the plain one of the ADR'
);
ROLLBACK TO SAVEPOINT before_move;

SELECT lives_ok('DELETE FROM public.customers WHERE id = 9501', 'a customer with profiles can be deleted');
SELECT set_eq(
    'SELECT customer_id, shop_id, preferred_stylist_id FROM public.customer_shop_profiles',
    'SELECT customer_id, shop_id, preferred_stylist_id FROM profiles_before WHERE customer_id <> 9501',
    'and takes exactly their own profiles along'
);
ROLLBACK TO SAVEPOINT before_move;

SELECT lives_ok('DELETE FROM public.shops WHERE id = 903', 'a shop with profiles and nothing else can be deleted');
SELECT set_eq(
    'SELECT customer_id, shop_id, preferred_stylist_id FROM public.customer_shop_profiles',
    $$
    SELECT customer_id, shop_id, preferred_stylist_id FROM profiles_before WHERE shop_id <> 903
    UNION ALL
    VALUES (9508, 1, NULL::integer)
    $$,
    'and takes exactly its own profiles along, but for what they counted'
);
ROLLBACK TO SAVEPOINT before_move;

SELECT throws_ok('DELETE FROM public.shops WHERE id = 902', '23503', NULL, 'a shop with stylists cannot, as ever');
SELECT results_eq(
    'SELECT p.ctid AS place, p.* FROM public.customer_shop_profiles AS p ORDER BY p.id',
    'SELECT * FROM profiles_before ORDER BY id',
    'and keeps its profiles'
);

SELECT * FROM finish();

ROLLBACK;
