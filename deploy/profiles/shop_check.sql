-- Deploy convo_tenancy:profiles/shop_check to pg

\set ON_ERROR_STOP on
\set change profiles/shop_check
\ir ../support/begin.sql
\if :is_done \quit \endif

-- Whole tables in one pass; a condition on customer_id reaches the indexes, through the union and not through a full join.
CREATE OR REPLACE VIEW tenancy.shop_check (customer_id, shop_id, total_bookings, confirmed_bookings, counted_bookings, class)
WITH (security_invoker = TRUE)
AS
SELECT
    k.*,
    CASE
        WHEN k.total_bookings = k.confirmed_bookings AND k.total_bookings = coalesce(k.counted_bookings, k.total_bookings)
            THEN 'agrees'
        WHEN k.counted_bookings IS NULL THEN 'stylist_moved'
        WHEN k.total_bookings = k.counted_bookings AND k.total_bookings < k.confirmed_bookings THEN 'public_confirms'
        WHEN k.total_bookings = k.counted_bookings THEN 'cancelled'
        WHEN k.total_bookings = k.confirmed_bookings THEN 'counts_differ'
        WHEN k.confirmed_bookings = k.counted_bookings THEN 'profile_differs'
        ELSE 'all_differ'
    END
FROM (
    SELECT
        s.customer_id,
        s.shop_id,
        sum(s.total_bookings) AS total_bookings,
        sum(s.bookings)::bigint AS confirmed_bookings,
        CASE
            WHEN EXISTS (
                SELECT
                FROM tenancy.moved_stylists AS m
                JOIN public.customer_stylist_preferences AS p ON p.stylist_id = m.stylist_id
                WHERE p.customer_id = s.customer_id
            ) THEN NULL
            ELSE sum(s.counted)::bigint
        END AS counted_bookings
    FROM (
        SELECT
            p.customer_id,
            p.shop_id,
            p.total_bookings,
            0 AS bookings,
            0 AS counted
        FROM public.customer_shop_profiles AS p
        UNION ALL
        SELECT
            e.customer_id,
            e.shop_id,
            0,
            e.bookings,
            e.counted
        FROM tenancy.evidence AS e
    ) AS s
    GROUP BY
        s.customer_id,
        s.shop_id
) AS k;

COMMENT ON VIEW tenancy.shop_check IS
'What a customer''s profile in a shop says beside what the bookings and the stylists'' counts there show: a row for each customer and '
'shop that has any of them. Example: SELECT class, count(*) FROM tenancy.shop_check GROUP BY class';
COMMENT ON COLUMN tenancy.shop_check.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.shop_check.shop_id IS 'The shop.';
COMMENT ON COLUMN tenancy.shop_check.total_bookings IS 'What the profile holds; 0 without a profile.';
COMMENT ON COLUMN tenancy.shop_check.confirmed_bookings IS 'CONFIRMED bookings.';
COMMENT ON COLUMN tenancy.shop_check.counted_bookings IS
'The counts of the stylists who work there (customer_stylist_preferences). NULL for who booked a stylist who moved: the count went '
'along, and does not say where it belongs.';
COMMENT ON COLUMN tenancy.shop_check.class IS
'agrees: all three are the same, or the counts are not known. Honest differences: public_confirms (only the bookings are more), '
'cancelled (only the bookings are fewer). Doubtful: counts_differ (only the counts are other), profile_differs (only the profile '
'is), all_differ, stylist_moved (profile and bookings differ, and the counts are not known).';

CREATE OR REPLACE VIEW tenancy.misplaced_bookings (customer_id, from_shop_id, to_shop_id, bookings)
WITH (security_invoker = TRUE)
AS
SELECT
    c.customer_id,
    (array_agg(c.shop_id ORDER BY c.total_bookings - c.counted_bookings DESC, c.shop_id))[1],
    (array_agg(c.shop_id ORDER BY c.counted_bookings - c.total_bookings DESC, c.shop_id))[1],
    least(max(c.total_bookings - c.counted_bookings), max(c.counted_bookings - c.total_bookings))
FROM tenancy.shop_check AS c
WHERE c.class = 'profile_differs'
GROUP BY c.customer_id
HAVING bool_or(c.total_bookings > c.counted_bookings)
    AND bool_or(c.total_bookings < c.counted_bookings);

COMMENT ON VIEW tenancy.misplaced_bookings IS
'Customers of whom one profile holds more, and another one fewer bookings than bookings and counts agree on: a row for each, with '
'the next move. tenancy.repair() with source shops makes these moves. Example: SELECT * FROM tenancy.misplaced_bookings';
COMMENT ON COLUMN tenancy.misplaced_bookings.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.misplaced_bookings.from_shop_id IS 'The shop that holds too many; the one with the most of them.';
COMMENT ON COLUMN tenancy.misplaced_bookings.to_shop_id IS 'The shop that lacks some; the one that lacks most.';
COMMENT ON COLUMN tenancy.misplaced_bookings.bookings IS 'How many are too many there and lack here.';

COMMIT;
