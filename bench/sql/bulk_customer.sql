-- The customer up to whom so many have statistics, and how many that are.
SELECT
    max(chosen.customer_id),
    count(*)
FROM (
    SELECT customer_id
    FROM public.customer_booking_stats
    ORDER BY customer_id
    LIMIT $1
) AS chosen;
