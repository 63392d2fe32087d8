-- Profiles whose last booking Python cannot read (infinity, before Christ, after the year 9999), of the customers from $1 to $2, or of
-- those of them who are in $3, unless it is NULL: how many, whose they are (a thousand of them), and the first three.
SELECT
    'unreadable' AS name,
    count(*) AS rows_found,
    coalesce(array_agg(n.customer_id ORDER BY n.position) FILTER (WHERE n.position <= 1000), '{}') AS customers,
    coalesce(
        array_agg(
            format('customer %s in shop %s: %s', n.customer_id, n.shop_id, n.last_booking_at) ORDER BY n.position
        ) FILTER (WHERE n.position <= 3),
        '{}'
    ) AS examples
FROM (
    SELECT
        p.customer_id,
        p.shop_id,
        p.last_booking_at,
        row_number() OVER (ORDER BY p.customer_id, p.shop_id) AS position
    FROM public.customer_shop_profiles AS p
    WHERE (p.last_booking_at < '0001-01-02 00:00:00+00' OR p.last_booking_at >= '9999-12-31 00:00:00+00')
        AND p.customer_id BETWEEN $1 AND $2
        AND ($3::integer[] IS NULL OR p.customer_id = ANY ($3)) -- noqa: CP03,LT01,LT06
) AS n;
