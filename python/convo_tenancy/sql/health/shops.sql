-- Every class, those without a profile too, of the customers from $1 to $2, or of those of them who are in $3, unless it is NULL: how
-- many profiles, with an example of each; of those that a repair moves, four, and whose they are (a thousand of them).
WITH known (class, position) AS (
    SELECT *
    FROM unnest(ARRAY[
            'agrees', 'public_confirms', 'cancelled', 'misplaced', 'profile_differs', 'counts_differ', 'all_differ', 'stylist_moved'
        ]) WITH ORDINALITY
),

checked AS MATERIALIZED (
    SELECT
        c.customer_id,
        c.shop_id,
        c.total_bookings,
        c.confirmed_bookings,
        c.counted_bookings,
        c.class
    FROM tenancy.shop_check AS c
    WHERE c.customer_id BETWEEN $1 AND $2
        AND ($3::integer[] IS NULL OR c.customer_id = ANY ($3)) -- noqa: CP03,LT01,LT06
),

found AS (
    SELECT
        c.class,
        count(*) AS profiles
    FROM checked AS c
    GROUP BY c.class
),

numbered AS (
    SELECT
        c.*,
        row_number() OVER (PARTITION BY c.class ORDER BY c.customer_id, c.shop_id) AS position
    FROM checked AS c
    WHERE c.class <> 'agrees'
),

example AS (
    SELECT
        n.class,
        array_agg(n.customer_id ORDER BY n.position) FILTER (WHERE n.class = 'misplaced') AS customers,
        array_agg(
            format(
                'customer %s in shop %s: profile %s, bookings %s, counts %s',
                n.customer_id,
                n.shop_id,
                n.total_bookings,
                n.confirmed_bookings,
                coalesce(n.counted_bookings::text, 'not known')
            )
            ORDER BY n.position
        ) FILTER (WHERE n.position <= CASE n.class WHEN 'misplaced' THEN 4 ELSE 1 END) AS examples
    FROM numbered AS n
    WHERE n.position <= CASE n.class WHEN 'misplaced' THEN 1000 ELSE 1 END
    GROUP BY n.class
)

SELECT
    k.class AS name,
    coalesce(f.profiles, 0) AS rows_found,
    coalesce(e.customers, '{}') AS customers,
    coalesce(e.examples, '{}') AS examples
FROM known AS k
LEFT JOIN found AS f ON f.class = k.class
LEFT JOIN example AS e ON e.class = k.class
ORDER BY k.position;
