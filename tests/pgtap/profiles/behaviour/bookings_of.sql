-- Whose a booking is: the customer's whose phone it bears, else whose email; of customers who share a phone, the lowest id.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(29);

INSERT INTO public.shops (id, name)
VALUES
(901, 'North'),
(902, 'South');

INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
VALUES
(9011, 901, 'Nora', '09:00', '17:00', TRUE),
(9021, 902, 'Sam', '09:00', '17:00', TRUE);

INSERT INTO public.services (id, shop_id, name, duration_minutes, price_cents)
VALUES
(9010, 901, 'Cut', 30, 4000),
(9020, 902, 'Cut', 30, 5000);

INSERT INTO public.customers (id, phone, email, average_spend_cents, no_show_count)
VALUES
(9301, '+15550009301', 'both@example.com', 0, 0),
(9302, '+15550009302', NULL, 0, 0),
(9303, NULL, 'email-only@example.com', 0, 0),
(9304, NULL, NULL, 0, 0),
-- Two with one phone, and one more with the phone of nobody else
(9305, '+15550009305', 'elder@example.com', 0, 0),
(9306, '+15550009305', 'younger@example.com', 0, 0),
(9307, '+15550009307', 'other@example.com', 0, 0);

-- One booking a case: the last digits of its id, and its hour, say which.
INSERT INTO public.bookings (
    id,
    shop_id,
    service_id,
    stylist_id,
    customer_phone,
    customer_email,
    status,
    appointment_status,
    discount_cents,
    start_at_utc,
    end_at_utc,
    created_at
)
SELECT
    format('00000000-0000-0000-0000-%s', lpad(b.number::text, 12, '0'))::uuid,
    b.shop_id,
    b.shop_id * 10,
    b.shop_id * 10 + 1,
    b.phone,
    b.email,
    b.status::public.bookingstatus,
    'SCHEDULED',
    0,
    '2025-01-01 00:00+00'::timestamptz + b.number * interval '1 hour',
    '2025-01-01 01:00+00'::timestamptz + b.number * interval '1 hour',
    '2024-12-01 00:00+00'::timestamptz + b.number * interval '1 hour'
FROM (
    VALUES
    (1, 901, '+15550009301', 'both@example.com', 'CONFIRMED'),
    (2, 902, '+15550009301', NULL, 'CONFIRMED'),
    (3, 901, NULL, 'both@example.com', 'CONFIRMED'),
    (4, 901, '+15550009301', 'stranger@example.com', 'HOLD'),
    (5, 901, '+15550000000', 'both@example.com', 'EXPIRED'),
    (6, 901, '+15550009302', NULL, 'CONFIRMED'),
    (7, 901, '+15550009302', 'email-only@example.com', 'CONFIRMED'),
    (8, 902, '+15550000000', 'email-only@example.com', 'CONFIRMED'),
    (9, 902, NULL, 'email-only@example.com', 'HOLD'),
    (10, 901, NULL, NULL, 'CONFIRMED'),
    (11, 901, '+15550009305', NULL, 'CONFIRMED'),
    (12, 901, '+15550009305', 'younger@example.com', 'CONFIRMED'),
    (13, 901, NULL, 'younger@example.com', 'CONFIRMED'),
    (14, 901, NULL, 'elder@example.com', 'CONFIRMED'),
    (15, 902, '+15550009307', 'both@example.com', 'CONFIRMED'),
    (16, 902, '+15550009305', 'other@example.com', 'CONFIRMED'),
    (17, 902, '+15550000000', 'stranger@example.com', 'CONFIRMED')
) AS b (number, shop_id, phone, email, status);

-- The bookings of a customer by their numbers
CREATE FUNCTION pg_temp.numbers_of(customer_id integer)
RETURNS integer[]
LANGUAGE sql
BEGIN ATOMIC
    SELECT coalesce(array_agg(right(b.id::text, 12)::integer ORDER BY b.id), '{}')
    FROM tenancy.bookings_of(numbers_of.customer_id) AS b;
END;

SELECT is(
    pg_temp.numbers_of(9301), ARRAY[1, 2, 3, 4, 5], 'phone, or email where no customer has the phone, of every status; each once'
);
SELECT is(pg_temp.numbers_of(9302), ARRAY[6, 7], 'a phone-only customer: by phone, whatever email the booking bears');
SELECT is(pg_temp.numbers_of(9303), ARRAY[8, 9], 'an email-only customer: by email, unless the phone is another customer''s');
SELECT is(pg_temp.numbers_of(9304), ARRAY[]::integer[], 'neither phone nor email: a booking with neither is nobody''s');
SELECT is(pg_temp.numbers_of(9305), ARRAY[11, 12, 14, 16], 'a shared phone: the lowest id has all that bear it');
SELECT is(pg_temp.numbers_of(9306), ARRAY[13], 'a shared phone: the other has what bears the email and no customer''s phone');
SELECT is(pg_temp.numbers_of(9307), ARRAY[15], 'phone before email: not what bears the email and another''s phone');
SELECT is(pg_temp.numbers_of(-1), ARRAY[]::integer[], 'an unknown customer has none');
SELECT is(pg_temp.numbers_of(NULL), ARRAY[]::integer[], 'no customer has none');

SELECT results_eq(
    'SELECT * FROM tenancy.bookings_of(9302) ORDER BY id LIMIT 1',
    $$
    VALUES (
        '00000000-0000-0000-0000-000000000006'::uuid,
        901,
        9010,
        9011,
        'CONFIRMED'::public.bookingstatus,
        'SCHEDULED'::public.appointmentstatus,
        '2025-01-01 06:00+00'::timestamptz,
        '2024-12-01 06:00+00'::timestamptz,
        '2025-01-01 06:00+00'::timestamptz,
        FALSE
    )
    $$,
    'each column is the booking''s own'
);

SELECT results_eq(
    $$
    SELECT b.status::text COLLATE "default"
    FROM tenancy.bookings_of(9301) AS b
    ORDER BY b.id
    $$,
    ARRAY['CONFIRMED', 'CONFIRMED', 'CONFIRMED', 'HOLD', 'EXPIRED'],
    'holds and expired bookings are there: whoever counts leaves them out'
);

-- Names stay when customers change
SAVEPOINT before_change;
DELETE FROM public.customers WHERE id = 9305;
SELECT is(pg_temp.numbers_of(9306), ARRAY[11, 12, 13, 16], 'the elder gone, the next has what bears the phone');
SELECT is(pg_temp.numbers_of(9305), ARRAY[]::integer[], 'a deleted customer has none');
ROLLBACK TO SAVEPOINT before_change;

SAVEPOINT before_change;
UPDATE public.customers SET phone = '+15550009399' WHERE id = 9305;
SELECT is(pg_temp.numbers_of(9305), ARRAY[14], 'another phone: what bears the old one is the next one''s');
SELECT is(pg_temp.numbers_of(9306), ARRAY[11, 12, 13, 16], 'and that one has it');
ROLLBACK TO SAVEPOINT before_change;

SAVEPOINT before_change;
UPDATE public.customers SET phone = NULL WHERE id = 9302;
SELECT is(pg_temp.numbers_of(9302), ARRAY[]::integer[], 'the phone removed, nothing is left');
SELECT is(pg_temp.numbers_of(9303), ARRAY[7, 8, 9], 'and what bears another''s email falls to that one');
ROLLBACK TO SAVEPOINT before_change;

SAVEPOINT before_change;
INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
VALUES (9399, '+15550000000', 0, 0);
SELECT is(pg_temp.numbers_of(9399), ARRAY[5, 8, 17], 'a new customer has what bears their phone');
SELECT is(pg_temp.numbers_of(9301), ARRAY[1, 2, 3, 4], 'and no longer those whose email it bears');
ROLLBACK TO SAVEPOINT before_change;

-- The same for a phone and an email that are not, or no longer, the customer's
CREATE FUNCTION pg_temp.numbers_of(customer_id integer, phone varchar, email varchar)
RETURNS integer[]
LANGUAGE sql
BEGIN ATOMIC
    SELECT coalesce(array_agg(right(b.id::text, 12)::integer ORDER BY b.id), '{}')
    FROM tenancy.bookings_of(numbers_of.customer_id, numbers_of.phone, numbers_of.email) AS b;
END;

SELECT is(
    pg_temp.numbers_of(9302, '+15550000000', NULL), ARRAY[5, 8, 17], 'by another phone: what that one would bring'
);
SELECT is(
    pg_temp.numbers_of(9302, NULL, 'both@example.com'), ARRAY[3, 5], 'by another email: what no customer''s phone claims'
);
SELECT is(
    pg_temp.numbers_of(9306, '+15550009305', NULL), ARRAY[]::integer[], 'by the phone of an elder customer: nothing'
);
SELECT is(
    pg_temp.numbers_of(9304, '+15550009305', NULL), ARRAY[11, 12, 16], 'by the phone of younger customers: all that bear it'
);
SELECT is(pg_temp.numbers_of(9301, NULL, NULL), ARRAY[]::integer[], 'by neither: nothing');

-- By rules rather than cases: 300 customers who share 211 phones, 3,000 bookings that bear those, phones and emails of
-- nobody, or none. Each is compared with the rule in its shortest words. The multipliers only mix.
INSERT INTO public.customers (id, phone, email, average_spend_cents, no_show_count)
SELECT
    100000 + n.n,
    CASE WHEN n.n % 7 <> 0 THEN '+1777' || (n.n * 37) % 211 END,
    CASE WHEN n.n % 5 <> 0 THEN n.n || '@example.org' END,
    0,
    0
FROM generate_series(1, 300) AS n (n);

INSERT INTO public.bookings (
    id, shop_id, service_id, stylist_id, customer_phone, customer_email, status, discount_cents, start_at_utc, end_at_utc
)
SELECT
    gen_random_uuid(),
    901,
    9010,
    9011,
    CASE WHEN n.n % 3 <> 0 THEN '+1777' || (n.n * 41) % 250 END,
    CASE WHEN n.n % 4 <> 0 THEN (n.n * 43) % 350 || '@example.org' END,
    'CONFIRMED',
    0,
    '2026-01-01 00:00+00'::timestamptz + n.n * interval '1 hour',
    '2026-01-01 01:00+00'::timestamptz + n.n * interval '1 hour'
FROM generate_series(1, 3000) AS n (n);

CREATE TEMPORARY TABLE owned ON COMMIT DROP AS
SELECT
    b.id,
    coalesce(
        (SELECT min(c.id) FROM public.customers AS c WHERE c.phone = b.customer_phone),
        (SELECT c.id FROM public.customers AS c WHERE c.email = b.customer_email)
    ) AS customer_id
FROM public.bookings AS b;

CREATE TEMPORARY TABLE answered ON COMMIT DROP AS
SELECT
    b.id,
    c.id AS customer_id
FROM public.customers AS c
CROSS JOIN LATERAL tenancy.bookings_of(c.id) AS b;

SELECT set_eq(
    $$
    SELECT
        b.id,
        c.id AS customer_id
    FROM public.customers AS c
    CROSS JOIN LATERAL tenancy.bookings_of(c.id, c.phone, c.email) AS b
    $$,
    'SELECT id, customer_id FROM answered',
    'over 3,000 bookings: with the customer''s own phone and email it is the same'
);
SELECT set_eq(
    'SELECT id, customer_id FROM answered',
    'SELECT id, customer_id FROM owned WHERE customer_id IS NOT NULL',
    'over 3,000 bookings: each is exactly whose phone, else whose email it bears'
);
SELECT is_empty(
    'SELECT id FROM answered GROUP BY id HAVING count(*) > 1',
    'over 3,000 bookings: none is two customers''s, none twice the same one''s'
);
SELECT cmp_ok(
    (SELECT count(*) FROM owned WHERE customer_id IS NULL),
    '>',
    100::bigint,
    'among them were bookings of nobody'
);
SELECT cmp_ok(
    (
        SELECT count(*)
        FROM owned AS o
        JOIN public.bookings AS b ON b.id = o.id
        JOIN public.customers AS c ON c.id = o.customer_id
        WHERE c.phone IS DISTINCT FROM b.customer_phone
    ),
    '>',
    100::bigint,
    'and bookings placed by email'
);

SELECT * FROM finish();

ROLLBACK;
