-- Every kind, those without drift too, with the first three customers of each.
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
),

found AS (
    SELECT
        n.kind,
        count(*) AS rows_found,
        string_agg(
            format(
                'customer %s%s: %s',
                n.customer_id,
                ' in shop ' || n.shop_id,
                concat_ws(', ', 'legacy ' || n.legacy_value, 'profiles ' || n.profile_value)
            ),
            '; ' ORDER BY n.position
        ) FILTER (WHERE n.position <= 3) AS examples
    FROM numbered AS n
    GROUP BY n.kind
)

SELECT
    coalesce(k.kind, f.kind) AS kind,
    coalesce(f.rows_found, 0) AS rows_found,
    f.examples
FROM known AS k
FULL JOIN found AS f ON f.kind = k.kind;
