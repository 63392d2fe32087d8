-- The id of the $2-th customer after the id $1; no row when there are fewer.
SELECT c.id
FROM public.customers AS c
WHERE c.id > $1
ORDER BY c.id
OFFSET $2::integer - 1
LIMIT 1;
