-- Every shop that is there, or has a profile. The check last_bookings tells of moments that no calendar has.
SELECT
    coalesce(s.id, p.shop_id) AS shop_id,
    coalesce(p.profiles, 0) AS profiles,
    coalesce(p.bookings, 0) AS bookings,
    p.newest_booking_at
FROM public.shops AS s
FULL JOIN (
    SELECT
        f.shop_id,
        count(*) AS profiles,
        sum(f.total_bookings)::bigint AS bookings,
        max(f.last_booking_at) FILTER (WHERE f.last_booking_at BETWEEN '0001-01-02' AND '9999-12-30') AS newest_booking_at
    FROM public.customer_shop_profiles AS f
    GROUP BY f.shop_id
) AS p ON p.shop_id = s.id
ORDER BY 1;
