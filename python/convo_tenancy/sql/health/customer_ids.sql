SELECT
    min(c.id) AS lowest,
    max(c.id) AS highest
FROM public.customers AS c;
