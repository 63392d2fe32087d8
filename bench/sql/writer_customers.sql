-- Customers to write to, spread over the whole table, the same in every run.
SELECT id
FROM public.customers
ORDER BY
    hashint4(id),
    id
LIMIT 5000;
