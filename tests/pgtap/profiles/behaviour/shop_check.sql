-- tenancy.shop_check: profile, bookings and counts side by side, and what is said of each; tenancy.misplaced_bookings: what can move.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(33);

\ir ../../helpers/salons.sql

-- What a customer's profile in a shop holds, and what bookings and counts there show
CREATE TEMPORARY TABLE given (customer_id integer, shop_id integer, profile integer, bookings integer, counts integer)
ON COMMIT DROP;

-- Both sides as given, by the first stylist of each shop
CREATE FUNCTION pg_temp.make_given()
RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
    SELECT DISTINCT
        g.customer_id,
        '+1555000' || g.customer_id,
        0,
        0
    FROM given AS g;

    INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
    SELECT
        g.customer_id,
        g.shop_id,
        g.profile
    FROM given AS g
    WHERE g.profile IS NOT NULL;

    SELECT
        pg_temp.book(
            row_number() OVER (ORDER BY g.customer_id, g.shop_id, b.number)::integer,
            g.shop_id * 10 + 1,
            pg_temp.day(b.number),
            '+1555000' || g.customer_id
        )
    FROM given AS g
    CROSS JOIN LATERAL generate_series(1, g.bookings) AS b (number);

    INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
    SELECT
        g.customer_id,
        g.shop_id * 10 + 1,
        g.counts
    FROM given AS g
    WHERE g.counts > 0;
$$;

INSERT INTO given (customer_id, shop_id, profile, bookings, counts)
VALUES
(9101, 901, 2, 2, 2), -- agrees
(9102, 901, 2, 3, 2), -- a public confirm
(9103, 901, 2, 1, 2), -- one was cancelled
(9104, 901, 2, 2, 1), -- a count was lost
(9104, 902, 2, 2, 3),
(9105, 901, 3, 2, 2), -- one too many
(9106, 901, 1, 2, 2), -- one too few
(9107, 901, 1, 2, 3),
(9108, 901, NULL, 1, 1), -- no profile
(9109, 901, NULL, 1, 0),
(9110, 901, 0, 0, 0),
(9111, 901, NULL, 0, 2),
(9112, 901, 4, 1, 1), -- three of them belong to the other shop
(9112, 902, 1, 4, 4),
(9113, 901, 3, 1, 2), -- too many here, but the counts do not say how many
(9113, 902, 1, 3, 3),
(9114, 901, 1, 0, 1), -- right: cancelled here, a public confirm there
(9114, 902, 1, 2, 1),
(9115, 901, 5, 2, 2), -- three too many here; two and two too few there, one of them without a profile
(9115, 902, 1, 3, 3),
(9115, 903, NULL, 2, 2),
(9116, 901, 3, 1, 1), -- two and three too many here and there, one too few
(9116, 902, 4, 1, 1),
(9116, 903, 0, 1, 1);
SELECT pg_temp.make_given();

-- '901: 2/3/2 public_confirms; ...'
CREATE FUNCTION pg_temp.check_of(customer integer)
RETURNS text
LANGUAGE sql
RETURN (
    SELECT
        string_agg(
            format(
                '%s: %s/%s/%s %s',
                c.shop_id, c.total_bookings, c.confirmed_bookings, coalesce(c.counted_bookings::text, '-'), c.class
            ),
            '; ' ORDER BY c.shop_id
        )
    FROM tenancy.shop_check AS c
    WHERE c.customer_id = customer
);

SELECT is(pg_temp.check_of(e.customer_id), e.said, format('customer %s: %s', e.customer_id, e.said))
FROM (
    VALUES
    (9101, '901: 2/2/2 agrees'),
    (9102, '901: 2/3/2 public_confirms'),
    (9103, '901: 2/1/2 cancelled'),
    (9104, '901: 2/2/1 counts_differ; 902: 2/2/3 counts_differ'),
    (9105, '901: 3/2/2 profile_differs'),
    (9106, '901: 1/2/2 profile_differs'),
    (9107, '901: 1/2/3 all_differ'),
    (9108, '901: 0/1/1 profile_differs'),
    (9109, '901: 0/1/0 public_confirms'),
    (9110, '901: 0/0/0 agrees'),
    (9111, '901: 0/0/2 counts_differ'),
    (9112, '901: 4/1/1 misplaced; 902: 1/4/4 misplaced'),
    (9113, '901: 3/1/2 all_differ; 902: 1/3/3 profile_differs'),
    (9114, '901: 1/0/1 cancelled; 902: 1/2/1 public_confirms'),
    (9115, '901: 5/2/2 misplaced; 902: 1/3/3 misplaced; 903: 0/2/2 misplaced'),
    (9116, '901: 3/1/1 misplaced; 902: 4/1/1 misplaced; 903: 0/1/1 misplaced')
) AS e (customer_id, said)
ORDER BY e.customer_id;

SELECT results_eq(
    'SELECT c.customer_id, c.shop_id FROM tenancy.shop_check AS c WHERE c.customer_id > 9100 ORDER BY 1, 2',
    'SELECT g.customer_id, g.shop_id FROM given AS g ORDER BY 1, 2',
    'whole tables: a row for each customer and shop'
);
SELECT set_eq(
    'SELECT * FROM tenancy.shop_check AS c WHERE c.customer_id = ANY (''{9104,9112,9115}''::integer[])',
    'SELECT * FROM (SELECT * FROM tenancy.shop_check OFFSET 0) AS c WHERE c.customer_id IN (9104, 9112, 9115)',
    'some customers: the same rows'
);
SELECT results_eq(
    'SELECT m.* FROM tenancy.misplaced_bookings AS m ORDER BY m.customer_id',
    $$
    VALUES
        (9112, 901, 902, 3::bigint),
        (9115, 901, 902, 2::bigint),
        (9116, 902, 903, 1::bigint)
    $$,
    'misplaced: from the shop with the most too many to the one that lacks most, as many as both have'
);

-- What counts as a booking --------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.check_of(9101)'), e.said, e.description)
FROM (
    VALUES
    (
        1,
        'SELECT pg_temp.book(801, 9011, pg_temp.day(20), ''+15550009101'', NULL, ''HOLD''), '
        'pg_temp.book(802, 9011, pg_temp.day(21), ''+15550009101'', NULL, ''EXPIRED'')',
        '901: 2/2/2 agrees',
        'not a hold, nor one that expired'
    ),
    (
        2,
        'UPDATE public.customers SET email = ''ann@example.com'' WHERE id = 9101; '
        'SELECT pg_temp.book(801, 9012, pg_temp.day(20), NULL, ''ann@example.com'')',
        '901: 2/3/2 public_confirms',
        'one that bears the email alone'
    ),
    (
        3,
        'SELECT pg_temp.book(801, 9021, pg_temp.day(20), ''+15550009101'')',
        '901: 2/2/2 agrees; 902: 0/1/0 public_confirms',
        'one in another shop'
    ),
    (
        4,
        'INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9101, 9012, 2)',
        '901: 2/2/4 counts_differ',
        'all stylists of a shop together'
    )
) AS e (position, statement, said, description)
ORDER BY e.position;

-- A stylist who moved took the counts along -------------------------------------------------------------------------------------------

SELECT is(pg_temp.what_if('UPDATE public.stylists SET shop_id = 902 WHERE id = 9011', e.question), e.said, e.description)
FROM (
    VALUES
    (1, 'pg_temp.check_of(9101)', '901: 2/2/- agrees', 'moved: profile and bookings agree, and nobody knows the counts'),
    (2, 'pg_temp.check_of(9102)', '901: 2/3/- stylist_moved', 'moved: no public confirm, as far as one knows'),
    (3, 'pg_temp.check_of(9105)', '901: 3/2/- stylist_moved', 'moved: nothing is known to be wrong'),
    (4, 'pg_temp.check_of(9109)', '901: 0/1/0 public_confirms', 'moved: a customer who was not counted there'),
    (
        5,
        'pg_temp.check_of(9112)',
        '901: 4/1/- stylist_moved; 902: 1/4/- stylist_moved',
        'moved: no shop of this customer is sure'
    ),
    (6, 'SELECT count(*) FROM tenancy.misplaced_bookings', '0', 'moved: nothing is known to be misplaced')
) AS e (position, question, said, description)
ORDER BY e.position;

-- Whose a booking is, once more -------------------------------------------------------------------------------------------------------

-- Every phone with every email address, of elder and younger customers and of nobody
INSERT INTO public.customers (id, phone, email, average_spend_cents, no_show_count)
VALUES
(9201, '+15550009200', 'one@example.com', 0, 0),
(9202, '+15550009200', 'two@example.com', 0, 0),
(9203, '+15550009203', NULL, 0, 0),
(9204, NULL, 'four@example.com', 0, 0);
SELECT
    pg_temp.book(
        (900 + row_number() OVER ())::integer,
        9031,
        pg_temp.day(30),
        p.phone,
        e.email,
        CASE WHEN row_number() OVER () % 3 = 0 THEN 'HOLD' ELSE 'CONFIRMED' END
    )
FROM unnest('{+15550009200,+15550009203,+15550009209,NULL}'::text[]) AS p (phone)
CROSS JOIN unnest('{one@example.com,two@example.com,four@example.com,five@example.com,NULL}'::text[]) AS e (email);

SELECT bag_eq(
    'SELECT * FROM tenancy.customer_bookings',
    $$
    SELECT
        c.id AS customer_id, b.id, b.shop_id, b.service_id, b.stylist_id, b.status, b.appointment_status, b.start_at_utc, b.created_at, b.marked_at
    FROM public.customers AS c
    CROSS JOIN LATERAL tenancy.bookings_of(c.id) AS b
    $$,
    'customer_bookings: for whole tables what bookings_of() is for a customer'
);
-- The evidence, by shop as item by item --------------------------------------------------------------------------------------------------

SELECT bag_eq(
    'SELECT e.customer_id, e.shop_id, e.bookings, e.booked_cents, e.no_shows, e.counted FROM tenancy.evidence AS e',
    $$
    SELECT
        i.customer_id,
        i.shop_id,
        count(*) FILTER (WHERE i.is_confirmed) AS bookings,
        coalesce(sum(i.price_cents) FILTER (WHERE i.is_confirmed), 0)::bigint,
        count(*) FILTER (WHERE i.is_no_show) AS no_shows,
        max(i.counted)
    FROM tenancy.evidence_items AS i
    GROUP BY
        i.customer_id,
        i.shop_id
    HAVING bool_or(i.is_confirmed) OR max(i.counted) > 0
    $$,
    'evidence: the sums of evidence_items'
);
SELECT is(
    (SELECT count(*) FROM tenancy.evidence AS e WHERE e.bookings = 0 AND e.counted = 0),
    0::bigint,
    'evidence: no row without any'
);
SELECT is(
    (SELECT sum(c.total_bookings)::bigint FROM tenancy.shop_check AS c),
    (SELECT sum(p.total_bookings) FROM public.customer_shop_profiles AS p),
    'every profile is there once'
);

SELECT * FROM finish();

ROLLBACK;
