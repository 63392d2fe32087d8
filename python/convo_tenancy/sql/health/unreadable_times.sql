-- Profiles whose last booking Python cannot read: infinity, before Christ, after the year 9999.
SELECT
    p.customer_id,
    p.shop_id,
    p.last_booking_at::text AS last_booking_at,
    count(*) OVER () AS found
FROM public.customer_shop_profiles AS p
WHERE p.last_booking_at < '0001-01-02 00:00:00+00'
    OR p.last_booking_at >= '9999-12-31 00:00:00+00'
ORDER BY
    p.customer_id,
    p.shop_id
LIMIT 3;
