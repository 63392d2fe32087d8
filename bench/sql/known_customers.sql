-- So many customers of all ages, each with a shop that knows them and a stylist there: customer, shop, stylist.
SELECT
    p.customer_id,
    p.shop_id,
    s.id
FROM (
    SELECT DISTINCT ON (p.customer_id)
        p.customer_id,
        p.shop_id
    FROM public.customer_shop_profiles AS p
    ORDER BY p.customer_id, p.shop_id
) AS p
CROSS JOIN LATERAL (
    SELECT s.id
    FROM public.stylists AS s
    WHERE s.shop_id = p.shop_id
    ORDER BY s.id
    LIMIT 1
) AS s
ORDER BY hashint4(p.customer_id)
LIMIT $1;
