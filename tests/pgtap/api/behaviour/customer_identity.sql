-- SQL API: who a customer is. By phone before email, both as the legacy application stores them.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(60);

\ir ../../helpers/salons.sql

-- How they are stored ------------------------------------------------------------------------------------------------------------

SELECT is(tenancy.normalized_email(e.given), e.expected, format('email %s', coalesce(to_json(e.given)::text, 'NULL')))
FROM (
    VALUES
    (1, 'ann@example.com', 'ann@example.com'),
    (2, ' Ann@Example.COM ', 'ann@example.com'),
    (3, E'\tann@example.com\r\n', 'ann@example.com'),
    (4, 'a n n@example.com', 'a n n@example.com'),
    (5, 'ÄNN@example.com', 'änn@example.com'),
    (6, 'ann', NULL), -- no address
    (7, '@', '@'),
    (8, '', NULL),
    (9, '   ', NULL),
    (10, E' \t\r\n', NULL),
    (11, NULL, NULL)
) AS e (position, given, expected)
ORDER BY e.position;

SELECT is(tenancy.normalized_phone(e.given), e.expected, format('phone %s', coalesce(to_json(e.given)::text, 'NULL')))
FROM (
    VALUES
    (1, '+15550109999', '+15550109999'),
    (2, '5550109999', '+15550109999'),
    (3, '(555) 010-9999', '+15550109999'),
    (4, ' 555.010.9999 ', '+15550109999'),
    (5, '15550109999', '+15550109999'),
    (6, '1-555-010-9999', '+15550109999'),
    (7, '+1 (555) 010 9999', '+15550109999'),
    (8, '+44 20 7946 0958', '+442079460958'),
    (9, '020 7946 0958', '+02079460958'),
    (10, '+0123456789', '+0123456789'), -- ten digits, but with a + it is complete
    (11, '+1', '+1'),
    (12, '(+44) 2079', '+442079'),
    (13, '0109999', NULL), -- too few digits without a +
    (14, '1', NULL),
    (15, '+', NULL),
    (16, 'none', NULL),
    (17, '', NULL),
    (18, NULL, NULL)
) AS e (position, given, expected)
ORDER BY e.position;

-- Who is found -------------------------------------------------------------------------------------------------------------------

INSERT INTO public.customers (id, phone, email, name, average_spend_cents, no_show_count, updated_at)
VALUES
(9102, '+15550009101', 'bob@example.com', 'Bob', 0, 0, '2020-01-01 00:00+00'), -- the phone of 9101
(9101, '+15550009101', 'ann@example.com', 'Ann', 0, 0, '2020-01-01 00:00+00'),
(9103, NULL, 'cid@example.com', 'Cid', 0, 0, '2020-01-01 00:00+00'),
(9104, '+15550009104', NULL, NULL, 0, 0, '2020-01-01 00:00+00'),
(9105, NULL, NULL, 'Nobody', 0, 0, '2020-01-01 00:00+00'),
(9106, '555 000 9106', 'Dot@Example.com', 'Dot', 0, 0, '2020-01-01 00:00+00'); -- as the application never stores them
CREATE TEMPORARY TABLE customers_before ON COMMIT DROP AS
SELECT
    c.ctid AS place,
    c.*
FROM public.customers AS c;
SAVEPOINT before_call;

SELECT results_eq(
    $$SELECT * FROM tenancy.customer_by_phone('(555) 000-9104')$$,
    $$VALUES (9104, NULL::varchar, '+15550009104'::varchar, NULL::varchar)$$,
    'customer_by_phone: whoever has it, however it is written'
);
SELECT results_eq(
    $$SELECT * FROM tenancy.customer_by_phone('+15550009101')$$,
    $$VALUES (9101, 'ann@example.com'::varchar, '+15550009101'::varchar, 'Ann'::varchar)$$,
    'customer_by_phone: of several the lowest id'
);
SELECT is_empty($$SELECT * FROM tenancy.customer_by_phone('+15550000000')$$, 'customer_by_phone: nobody');
SELECT is_empty($$SELECT * FROM tenancy.customer_by_phone('')$$, 'customer_by_phone: an empty one is nobody''s');
SELECT is_empty('SELECT * FROM tenancy.customer_by_phone(NULL)', 'customer_by_phone: NULL is nobody''s');
SELECT results_eq(
    $$SELECT * FROM tenancy.customer_by_email(' BOB@example.com ')$$,
    $$VALUES (9102, 'bob@example.com'::varchar, '+15550009101'::varchar, 'Bob'::varchar)$$,
    'customer_by_email: whoever has it, however it is written'
);
SELECT is_empty($$SELECT * FROM tenancy.customer_by_email('nobody@example.com')$$, 'customer_by_email: nobody');
SELECT is_empty($$SELECT * FROM tenancy.customer_by_email('  ')$$, 'customer_by_email: an empty one is nobody''s');
SELECT is_empty('SELECT * FROM tenancy.customer_by_email(NULL)', 'customer_by_email: NULL is nobody''s');

SELECT
    is(
        tenancy.get_or_create_customer(e.email, e.phone, 'Another Name'),
        e.expected,
        format('get_or_create_customer(%L, %L): %s', e.email, e.phone, e.why)
    )
FROM (
    VALUES
    (1, 'ann@example.com', '+15550009101', 9101, 'both'),
    (2, NULL, '555-000-9104', 9104, 'by phone'),
    (3, ' CID@example.com', NULL, 9103, 'by email'),
    (4, 'cid@example.com', '+15550009104', 9104, 'by phone before email'),
    (5, 'cid@example.com', '+15550000000', 9103, 'by email, when nobody has the phone'),
    (6, 'nobody@example.com', '+15550009104', 9104, 'by phone, when nobody has the email address'),
    (7, 'bob@example.com', '+15550009101', 9101, 'of several with the phone the lowest id, whoever has the email address'),
    (8, 'cid@example.com', 'none', 9103, 'a phone without digits is none'),
    (9, '', '5550009104', 9104, 'an empty email address is none')
) AS e (position, email, phone, expected, why)
ORDER BY e.position;
SELECT results_eq(
    'SELECT c.ctid AS place, c.* FROM public.customers AS c ORDER BY c.id',
    'SELECT * FROM customers_before ORDER BY id',
    'get_or_create_customer: changes nothing of a customer who is there'
);

-- Who is made --------------------------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE made ON COMMIT DROP AS
SELECT
    e.position,
    tenancy.get_or_create_customer(e.email, e.phone, e.name) AS id
FROM (
    VALUES
    (1, ' New@Example.com', '(555) 010-9999', ' Nan '),
    (2, 'new2@example.com', NULL, NULL),
    (3, NULL, '5550108888', '  '),
    (4, 'dot@example.com', '5550009106', 'Dot') -- 9106 is stored in another form: not the same
) AS e (position, email, phone, name);
SELECT results_eq(
    $$
    SELECT
        c.email,
        c.phone,
        c.name,
        c.preferred_stylist_id,
        c.average_spend_cents,
        c.no_show_count,
        c.created_at
    FROM made AS m
    JOIN public.customers AS c ON c.id = m.id
    ORDER BY m.position
    $$,
    $$
    VALUES
        ('new@example.com'::varchar, '+15550109999'::varchar, 'Nan'::varchar, NULL::integer, 0, 0, now()),
        ('new2@example.com', NULL, NULL, NULL, 0, 0, now()),
        (NULL, '+15550108888', NULL, NULL, 0, 0, now()),
        ('dot@example.com', '+15550009106', 'Dot', NULL, 0, 0, now())
    $$,
    'get_or_create_customer: makes one, as the application stores them'
);
SELECT is(
    tenancy.get_or_create_customer('new@example.com', '5550109999', NULL),
    (SELECT m.id FROM made AS m WHERE m.position = 1),
    'get_or_create_customer: and finds that one the next time'
);
SELECT is_empty(
    'SELECT p.* FROM public.customer_shop_profiles AS p JOIN made AS m ON m.id = p.customer_id',
    'get_or_create_customer: a new customer has no profile'
);
SELECT is_empty(
    'SELECT s.* FROM public.customer_booking_stats AS s JOIN made AS m ON m.id = s.customer_id',
    'get_or_create_customer: and no statistics'
);
SELECT is_empty('SELECT * FROM tenancy.drift', 'get_or_create_customer: both sides agree');
ROLLBACK TO SAVEPOINT before_call;

-- Nobody, and errors -------------------------------------------------------------------------------------------------------------

SELECT
    is(
        tenancy.get_or_create_customer(e.email, e.phone, 'Ann'),
        NULL,
        format('get_or_create_customer(%L, %L): nobody', e.email, e.phone)
    )
FROM (
    VALUES
    (1, NULL, NULL),
    (2, '', ''),
    (3, ' ', 'none'),
    (4, 'ann', '123')
) AS e (position, email, phone)
ORDER BY e.position;
SELECT throws_ok(
    $$SELECT tenancy.get_or_create_customer(repeat('x', 244) || '@example.com', NULL, NULL)$$,
    '22001',
    NULL,
    'get_or_create_customer: an email address that does not fit'
);
SELECT throws_ok(
    $$SELECT tenancy.get_or_create_customer(NULL, '+' || repeat('1', 32), NULL)$$,
    '22001',
    NULL,
    'get_or_create_customer: a phone number that does not fit'
);
SELECT results_eq(
    'SELECT c.ctid AS place, c.* FROM public.customers AS c ORDER BY c.id',
    'SELECT * FROM customers_before ORDER BY id',
    'neither writes anything'
);

SELECT * FROM finish();

ROLLBACK;
