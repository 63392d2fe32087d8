-- Who may do what. The application's role has rights on the tables that it writes, and on nothing of ours: it is mirrored all
-- the same. The SQL API runs with its owner's rights.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(15);

\ir ../../helpers/salons.sql

CREATE ROLE legacy_application;
GRANT SELECT, INSERT, UPDATE, DELETE
ON public.customers, public.customer_booking_stats, public.customer_stylist_preferences, public.bookings
TO legacy_application;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO legacy_application;
REVOKE ALL ON SEQUENCE public.customer_shop_profiles_id_seq FROM legacy_application;

CREATE ROLE new_application;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.customer_shop_profiles TO new_application;
GRANT USAGE ON SEQUENCE public.customer_shop_profiles_id_seq TO new_application;

CREATE ROLE api_caller;
GRANT SELECT, INSERT, UPDATE
ON public.customers, public.customer_booking_stats, public.customer_stylist_preferences, public.customer_shop_profiles
TO api_caller;
GRANT SELECT ON public.shops, public.services, public.bookings TO api_caller;
GRANT SELECT, UPDATE ON public.stylists TO api_caller; -- UPDATE for the lock alone
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO api_caller;
GRANT USAGE ON SCHEMA tenancy TO api_caller;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA tenancy TO api_caller;
GRANT SELECT ON tenancy.customer_totals TO api_caller;

SELECT pg_temp.add_customers(9101, 9102);
SELECT pg_temp.book(1, 9011, pg_temp.day(1), '+15550009101', status => 'HOLD');
SAVEPOINT before_write;

-- The role that is then in force may not use what pgTAP keeps, so that what it did is looked at afterwards.

SET LOCAL ROLE legacy_application;
UPDATE public.bookings SET status = 'CONFIRMED';
INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents, last_booking_at)
VALUES (9101, 1, 4000, '2026-01-02 10:00+00');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9011, 1);
UPDATE public.customers
SET
    preferred_stylist_id = 9011,
    average_spend_cents = 4000,
    no_show_count = 1
WHERE id = 9101;
RESET ROLE;
SELECT is(
    pg_temp.profiles_of(9101),
    'shop 1: 1 no-shows; shop 901: 1 bookings, 4000 cents, day 1, stylist 9011',
    'the legacy application, without rights on profiles, is mirrored'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'both sides agree');
SET LOCAL ROLE legacy_application;
DELETE FROM public.customer_stylist_preferences;
DELETE FROM public.customer_booking_stats;
DELETE FROM public.customers WHERE id = 9101;
RESET ROLE;
SELECT is(pg_temp.profiles_of(9101), NULL, 'it can delete a customer');
ROLLBACK TO SAVEPOINT before_write;

SET LOCAL ROLE new_application;
INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings, total_spend_cents, no_show_count)
VALUES (9101, 901, 2, 8000, 1);
RESET ROLE;
SELECT is(
    pg_temp.legacy_of(9101),
    '2 bookings, 8000 cents, 1 no-shows, average 4000',
    'code that writes profiles, without rights on the legacy side, is mirrored'
);
ROLLBACK TO SAVEPOINT before_write;

-- The API ------------------------------------------------------------------------------------------------------------------------

SET LOCAL ROLE api_caller;
SELECT (tenancy.record_booking(9101, 901, 9011, 4000, '2026-01-02 10:00+00')).total_bookings AS recorded \gset
SELECT (tenancy.record_no_show(9101, 901)).no_show_count AS no_shows \gset
SELECT (tenancy.set_preferred_stylist(9101, 901, 9012)).preferred_stylist_id AS preferred \gset
SELECT c.total_bookings AS in_context FROM tenancy.customer_context(9101, 901) AS c \gset
SELECT c.customer_id AS by_stylist FROM tenancy.customers_by_preferred_stylist(9012) AS c \gset
SELECT c.customer_id AS by_phone FROM tenancy.customer_by_phone('+15550009101') AS c \gset
SELECT t.total_bookings AS in_all FROM tenancy.customer_totals AS t WHERE t.customer_id = 9101 \gset
SELECT tenancy.get_or_create_customer('new@example.com', NULL, 'Nan') > 0 AS is_made \gset
RESET ROLE;
SELECT is(
    ARRAY[:recorded, :no_shows, :preferred, :in_context, :by_stylist, :by_phone, :in_all]::integer[],
    ARRAY[1, 1, 9012, 1, 9101, 9101, 1],
    'whoever has the rights that the calls need can call them'
);
SELECT ok(:'is_made'::boolean, 'and make a customer');
SELECT is(
    pg_temp.legacy_of(9101), '1 bookings, 4000 cents, day 1, 1 no-shows, stylist 9012, average 4000', 'it is mirrored'
);
ROLLBACK TO SAVEPOINT before_write;

SELECT
    throws_ok(
        format('SET LOCAL ROLE legacy_application; SELECT * FROM tenancy.%s', e.call),
        '42501',
        NULL,
        'without rights on tenancy: ' || e.call
    )
FROM (
    VALUES
    (1, 'record_booking(9101, 901, 9011, 4000, now())'),
    (2, 'record_no_show(9101, 901)'),
    (3, 'customer_context(9101, 901)'),
    (4, 'repair(ARRAY[9101])'),
    (5, 'drift'),
    (6, 'legacy_writers'),
    (7, 'apply_residual(9101, 901, 1)')
) AS e (position, call)
ORDER BY e.position;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM api_caller;
SELECT lives_ok(
    'SET LOCAL ROLE api_caller; SELECT tenancy.record_booking(9101, 901, 9011, 4000, now())',
    'the API asks for EXECUTE alone'
);

SELECT * FROM finish();

ROLLBACK;
