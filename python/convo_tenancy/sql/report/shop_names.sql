SELECT
    s.id AS shop_id,
    left(s.name::text, 200) AS name
FROM public.shops AS s;
