-- Every kind, those without drift too, of the customers from $1 to $2, or of those of them who are in $3, unless it is NULL: how many
-- rows, whose they are (a thousand of them), and the first three.
WITH known (kind) AS (
    SELECT unnest(ARRAY[
        'missing_profile', 'totals', 'last_booking_at', 'no_show_count', 'preferred_stylist', 'foreign_stylist', 'negative'
    ])
),

numbered AS (
    SELECT
        d.kind,
        d.customer_id,
        d.shop_id,
        d.legacy_value,
        d.profile_value,
        row_number() OVER (PARTITION BY d.kind ORDER BY d.customer_id, d.shop_id) AS position
    FROM tenancy.drift AS d
    WHERE d.customer_id BETWEEN $1 AND $2
        AND ($3::integer[] IS NULL OR d.customer_id = ANY ($3)) -- noqa: CP03,LT01,LT06
),

found AS (
    SELECT
        n.kind,
        count(*) AS rows_found,
        array_agg(n.customer_id ORDER BY n.position) FILTER (WHERE n.position <= 1000) AS customers,
        array_agg(
            format(
                'customer %s%s: %s',
                n.customer_id,
                ' in shop ' || n.shop_id,
                concat_ws(', ', 'legacy ' || n.legacy_value, 'profiles ' || n.profile_value)
            )
            ORDER BY n.position
        ) FILTER (WHERE n.position <= 3) AS examples
    FROM numbered AS n
    GROUP BY n.kind
)

SELECT
    coalesce(k.kind, f.kind) AS name,
    coalesce(f.rows_found, 0) AS rows_found,
    coalesce(f.customers, '{}') AS customers,
    coalesce(f.examples, '{}') AS examples
FROM known AS k
FULL JOIN found AS f ON f.kind = k.kind;
