-- The first customer after the id $1, $2 customers further on; no row when there are fewer.
SELECT c.id
FROM public.customers AS c
WHERE c.id > $1
ORDER BY c.id
LIMIT 1 OFFSET $2;
