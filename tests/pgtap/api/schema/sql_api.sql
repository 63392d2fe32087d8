-- The SQL API, to which applications are written (docs/moving-code.md): names, arguments, results. It only looks.
--
-- Who may call it: isolation/schema/row_level_security.sql.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(5);

\ir ../../helpers/tables.sql

-- A customer's row, as the lookups return it
SELECT 'TABLE(customer_id integer, email character varying, phone character varying, name character varying)' AS customer \gset

CREATE TEMPORARY TABLE expected (name text, arguments text, result text, is_read boolean) ON COMMIT DROP;

INSERT INTO expected (name, arguments, result, is_read)
VALUES
('get_or_create_customer', 'email text, phone text, name text', 'integer', FALSE),
('customer_by_phone', 'wanted_phone text', :'customer', TRUE),
('customer_by_email', 'wanted_email text', :'customer', TRUE),
('customers_by_preferred_stylist', 'wanted_stylist_id integer', :'customer', TRUE),
(
    'customer_context',
    'wanted_customer_id integer, wanted_shop_id integer',
    'TABLE(customer_id integer, shop_id integer, email character varying, phone character varying, name character varying, '
    'preferred_stylist_id integer, preferred_stylist_name character varying, average_spend_cents integer, '
    'total_bookings integer, total_spend_cents integer, no_show_count integer, last_booking_at timestamp with time zone, '
    'last_service_id integer, last_service_name character varying, last_stylist_id integer, '
    'last_stylist_name character varying)',
    TRUE
),
(
    'record_booking',
    'customer_id integer, shop_id integer, stylist_id integer, spend_cents integer, booked_at timestamp with time zone',
    'customer_shop_profiles',
    FALSE
),
('record_no_show', 'customer_id integer, shop_id integer', 'customer_shop_profiles', FALSE),
('set_preferred_stylist', 'customer_id integer, shop_id integer, stylist_id integer', 'customer_shop_profiles', FALSE),
(
    'set_service_preference',
    'customer_id integer, service_id integer, preferred_style_text text, preferred_style_image_url text DEFAULT NULL::text',
    'void',
    FALSE
);

SELECT set_eq(
    $$
    SELECT
        p.proname::text,
        pg_get_function_arguments(p.oid),
        replace(pg_get_function_result(p.oid), 'public.', ''),
        p.provolatile = 's'
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosecdef -- with its owner's rights, for who has none on the tables
        AND p.prorettype <> 'trigger'::regtype
    $$,
    'SELECT * FROM expected',
    'the calls: names, arguments, results, and which of them only read'
);
SELECT results_eq(
    $$
    SELECT
        pg_get_function_arguments(p.oid),
        p.prosecdef
    FROM pg_catalog.pg_proc AS p
    WHERE p.oid = 'tenancy.confirm_booking(uuid, integer)'::regprocedure
    $$,
    $$
    VALUES (
        'booking_id uuid, shop_id integer, OUT is_counted boolean, OUT customer_id integer, OUT preferred_stylist_id integer, '
        'OUT total_bookings integer, OUT total_spend_cents integer, OUT last_booking_at timestamp with time zone, '
        'OUT no_show_count integer',
        FALSE
    )
    $$,
    'the call with its caller''s rights on bookings'
);
SELECT set_eq(
    $$
    SELECT
        p.oid::regprocedure::text,
        pg_get_function_arguments(p.oid),
        pg_get_function_result(p.oid),
        p.provolatile
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.proname LIKE 'normalized%'
    $$,
    $$
    VALUES
        ('tenancy.normalized_email(text)', 'email text', 'text', 'i'::"char"),
        ('tenancy.normalized_phone(text)', 'phone text', 'text', 'i')
    $$,
    'how emails and phones are compared: fit for an index'
);
SELECT is(
    pg_get_function_result('tenancy.shop_context()'::regprocedure), 'integer', 'the shop context, for policies of one''s own'
);

SELECT results_eq(
    $$SELECT c.name, c.type FROM pg_temp.columns_of('tenancy.customer_totals') AS c$$,
    $$
    VALUES
        ('customer_id', 'integer'),
        ('shops', 'integer'),
        ('total_bookings', 'integer'),
        ('total_spend_cents', 'bigint'),
        ('average_spend_cents', 'integer'),
        ('last_booking_at', 'timestamp with time zone'),
        ('no_show_count', 'integer')
    $$,
    'customer_totals: columns'
);

SELECT * FROM finish();

ROLLBACK;
