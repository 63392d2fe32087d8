-- What bookings and stylists' counts say of the profiles, by shop.
SELECT
    c.shop_id,
    c.class AS name,
    count(*) AS profiles
FROM tenancy.shop_check AS c
GROUP BY
    c.shop_id,
    c.class
ORDER BY
    c.shop_id,
    c.class;
