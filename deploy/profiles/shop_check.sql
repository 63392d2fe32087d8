-- Deploy convo_tenancy:profiles/shop_check to pg

\set ON_ERROR_STOP on
\set change profiles/shop_check
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

-- Whole tables in one pass. A condition on customer_id reaches the indexes: through a union, as it would not through a full join, and
-- through a window that is the customer's.
CREATE OR REPLACE VIEW tenancy.shop_check (customer_id, shop_id, total_bookings, confirmed_bookings, counted_bookings, class)
WITH (security_invoker = TRUE)
AS
WITH sides AS (
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
),

-- What the profile holds beyond what bookings and counts agree on
judged AS (
    SELECT
        d.*,
        CASE WHEN d.confirmed_bookings = d.counted_bookings THEN d.total_bookings - d.counted_bookings ELSE 0 END AS excess
    FROM sides AS d
)

SELECT
    j.customer_id,
    j.shop_id,
    j.total_bookings,
    j.confirmed_bookings,
    j.counted_bookings,
    CASE
        WHEN j.total_bookings = j.confirmed_bookings AND j.total_bookings = coalesce(j.counted_bookings, j.total_bookings)
            THEN 'agrees'
        WHEN j.counted_bookings IS NULL THEN 'stylist_moved'
        WHEN j.total_bookings = j.counted_bookings AND j.total_bookings < j.confirmed_bookings THEN 'public_confirms'
        WHEN j.total_bookings = j.counted_bookings THEN 'cancelled'
        WHEN j.excess <> 0 AND max(j.excess) OVER customer > 0 AND min(j.excess) OVER customer < 0 THEN 'misplaced'
        WHEN j.excess <> 0 THEN 'profile_differs'
        WHEN j.total_bookings = j.confirmed_bookings THEN 'counts_differ'
        ELSE 'all_differ'
    END
FROM judged AS j
WINDOW customer AS (PARTITION BY j.customer_id);

COMMENT ON VIEW tenancy.shop_check IS
'Compares the profile, the bookings and the stylists'' counts of each customer and shop that has any of them. Example: SELECT '
'class, count(*) FROM tenancy.shop_check GROUP BY class';
COMMENT ON COLUMN tenancy.shop_check.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.shop_check.shop_id IS 'The shop.';
COMMENT ON COLUMN tenancy.shop_check.total_bookings IS 'Bookings in the profile; 0 without a profile.';
COMMENT ON COLUMN tenancy.shop_check.confirmed_bookings IS 'The customer''s CONFIRMED bookings in the shop.';
COMMENT ON COLUMN tenancy.shop_check.counted_bookings IS
'The sum of the shop''s counts (customer_stylist_preferences); NULL if the customer booked a stylist who moved: nobody knows '
'where those counts belong.';
COMMENT ON COLUMN tenancy.shop_check.class IS
'agrees: all three agree, or profile and bookings do and the counts are unknown. Correct: public_confirms (only bookings are '
'higher), cancelled (only bookings are lower). Wrong: misplaced (bookings and counts agree in two shops, and one profile holds '
'too many, the other too few). Doubtful: profile_differs (only the profile differs), counts_differ (only the counts differ), '
'all_differ, stylist_moved (profile and bookings differ, counts unknown).';

-- Bookings are read of those customers alone whose profiles and counts differ both ways.
CREATE OR REPLACE VIEW tenancy.misplaced_bookings (customer_id, from_shop_id, to_shop_id, bookings)
WITH (security_invoker = TRUE)
AS
SELECT
    s.customer_id,
    m.from_shop_id,
    m.to_shop_id,
    m.bookings
FROM (
    SELECT e.customer_id
    FROM (
        SELECT
            d.customer_id,
            sum(d.excess) AS excess
        FROM (
            SELECT
                p.customer_id,
                p.shop_id,
                p.total_bookings AS excess
            FROM public.customer_shop_profiles AS p
            UNION ALL
            SELECT
                n.customer_id,
                n.shop_id,
                -n.booking_count
            FROM tenancy.shop_counts AS n
            ORDER BY
                customer_id,
                shop_id -- else each customer and shop has an entry in a table of hashes, which goes to disk
        ) AS d
        GROUP BY
            d.customer_id,
            d.shop_id
    ) AS e
    GROUP BY e.customer_id
    HAVING max(e.excess) > 0
        AND min(e.excess) < 0
) AS s
CROSS JOIN LATERAL (
    SELECT
        (array_agg(c.shop_id ORDER BY c.total_bookings - c.counted_bookings DESC, c.shop_id))[1] AS from_shop_id,
        (array_agg(c.shop_id ORDER BY c.total_bookings - c.counted_bookings, c.shop_id))[1] AS to_shop_id,
        least(max(c.total_bookings - c.counted_bookings), max(c.counted_bookings - c.total_bookings)) AS bookings
    FROM tenancy.shop_check AS c
    WHERE c.customer_id = s.customer_id
        AND c.class = 'misplaced'
    HAVING count(*) > 0
) AS m;

COMMENT ON VIEW tenancy.misplaced_bookings IS
'Customers with misplaced bookings (tenancy.shop_check), a row each, with the next move. tenancy.repair() with source shops '
'makes these moves. Example: SELECT * FROM tenancy.misplaced_bookings';
COMMENT ON COLUMN tenancy.misplaced_bookings.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.misplaced_bookings.from_shop_id IS 'The shop whose profile has the most bookings too many.';
COMMENT ON COLUMN tenancy.misplaced_bookings.to_shop_id IS 'The shop whose profile lacks the most bookings.';
COMMENT ON COLUMN tenancy.misplaced_bookings.bookings IS 'How many bookings to move.';

COMMIT;
