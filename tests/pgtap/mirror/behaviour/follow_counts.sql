-- Who is preferred in a shop when the count of one stylist's bookings changed: counts never override a choice.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(40);

\ir ../../helpers/salons.sql

-- more_booked(stylist, count, other, count)
SELECT
    is(
        tenancy.more_booked(e.stylist, e.bookings, e.other, e.other_bookings),
        e.expected,
        format(
            'more_booked(%s, %s, %s, %s): %s',
            e.stylist,
            coalesce(e.bookings::text, 'NULL'),
            coalesce(e.other::text, 'NULL'),
            coalesce(e.other_bookings::text, 'NULL'),
            coalesce(e.expected::text, 'nobody')
        )
    )
FROM (
    VALUES
    (1, 7, 3, 5, 2, 7),
    (2, 7, 2, 5, 3, 5),
    (3, 7, 3, 5, 3, 5), -- ties: the lowest id
    (4, 5, 3, 7, 3, 5),
    (5, 7, NULL, 5, 0, 5), -- no count: never
    (6, 7, 0, 5, NULL, 7),
    (7, 7, NULL, NULL, NULL, NULL),
    (8, 7, 1, NULL, NULL, 7),
    (9, 7, -1, 5, -2, 7)
) AS e (position, stylist, bookings, other, other_bookings, expected)
ORDER BY e.position;

-- The others of shop 901: 9012 with 3, 9013 with 2. Shop 902 has nothing to say there, and neither has another customer.
SELECT pg_temp.add_customers(9101, 9102, 9103);
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9101, 9011, 77), -- its own row is not asked: the counts before and after are given
(9101, 9012, 3),
(9101, 9013, 2),
(9101, 9021, 50),
(9102, 9012, 5),
(9102, 9013, 60);

SELECT
    is(
        tenancy.follow_counts(e.preferred, 9101, 901, e.stylist, e.count_before, e.count_after),
        e.expected,
        format(
            '%s is preferred, %s goes from %s to %s: %s',
            coalesce(e.preferred::text, 'nobody'),
            e.stylist,
            coalesce(e.count_before::text, 'NULL'),
            coalesce(e.count_after::text, 'NULL'),
            e.why
        )
    )
FROM (
    VALUES
    -- The one with the most: 9012 with 3, unless 9011 has more, or as many
    (1, NULL::integer, 9011, NULL::integer, 1, 9012, 'nobody was preferred: the most booked'),
    (2, NULL, 9011, 2, 3, 9011, 'as many: the lowest id'),
    (3, NULL, 9011, 3, 4, 9011, 'the most'),
    (4, NULL, 9011, 4, NULL, 9012, 'whose row goes'),
    (5, 9012, 9011, 1, 2, 9012, 'still the most booked'),
    (6, 9012, 9011, 2, 3, 9011, 'was the most booked, is overtaken'),
    (7, 9012, 9011, NULL, 3, 9011, 'overtaken by a new one'),
    (8, 9011, 9011, 3, 4, 9011, 'more of the same'),
    (9, 9011, 9011, 3, 3, 9011, 'no more, no less'),
    (10, 9011, 9011, 4, 3, 9011, 'less, but as many as the next'),
    (11, 9011, 9011, 3, 2, 9012, 'was the most booked, falls behind'),
    (12, 9011, 9011, 3, NULL, 9012, 'was the most booked, and its row goes'),
    -- A choice
    (13, 9011, 9011, NULL, 1, 9011, 'a choice without a row, booked for the first time'),
    (14, 9013, 9011, 3, 4, 9013, 'a choice stays'),
    (15, 9013, 9011, 2, 3, 9013, 'a choice stays, whoever overtakes whom'),
    (16, 9013, 9011, NULL, 99, 9013, 'a choice stays, against any count'),
    (17, 9011, 9011, 2, 3, 9011, 'a choice that becomes the most booked'),
    (18, 9011, 9011, 2, 1, 9011, 'a choice that is booked less'),
    (19, 9011, 9011, 2, NULL, 9011, 'a choice whose row goes'),
    (20, 9012, 9011, 4, 5, 9012, 'the second was a choice'),
    (21, 9012, 9011, 4, 1, 9012, 'the second was a choice, and is the most booked now'),
    (22, 9011, 9013, 2, 1, 9011, 'the other way round: 9011 has 77'),
    (23, 9013, 9013, 78, 76, 9011, 'overtaken by 9011, who has 77')
) AS e (position, preferred, stylist, count_before, count_after, expected, why)
ORDER BY e.position;

-- The only stylist of a shop, and one who has no row at all
SELECT is(tenancy.follow_counts(NULL, 9103, 901, 9011, NULL, 1), 9011, 'the first booking of all');
SELECT is(tenancy.follow_counts(NULL, 9102, 901, 9011, NULL, 1), 9013, 'of the others the most booked, not the lowest id');
SELECT is(tenancy.follow_counts(9011, 9103, 901, 9011, 1, NULL), NULL, 'the only row goes: nobody is preferred');
SELECT is(tenancy.follow_counts(9011, 9103, 901, 9011, NULL, NULL), 9011, 'a choice without any row stays');
SELECT is(tenancy.follow_counts(NULL, 9103, 901, 9011, NULL, NULL), NULL, 'nobody of nobody');
SELECT is(tenancy.follow_counts(NULL, 9101, 902, 9022, NULL, 1), 9021, 'another shop counts its own stylists');
SELECT is(tenancy.follow_counts(9021, 9101, 902, 9022, 50, 51), 9022, 'of which one overtakes the other');
SELECT is(tenancy.follow_counts(9021, 9101, 902, 9022, 49, 50), 9021, 'or draws level, with a higher id');

SELECT * FROM finish();

ROLLBACK;
