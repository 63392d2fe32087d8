-- Locks those of these customers ($1) whom nobody else holds, as tenancy.repair() will, and returns the others.
WITH locked AS MATERIALIZED (
    SELECT c.id
    FROM public.customers AS c
    WHERE c.id = ANY ($1) -- noqa: CP03,LT01,LT06
    ORDER BY c.id
    FOR NO KEY UPDATE SKIP LOCKED
),

locked_statistics AS MATERIALIZED (
    SELECT s.customer_id
    FROM public.customer_booking_stats AS s
    WHERE s.customer_id IN (SELECT l.id FROM locked AS l)
    ORDER BY s.customer_id
    FOR NO KEY UPDATE SKIP LOCKED
)

SELECT c.id
FROM public.customers AS c
LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
WHERE c.id = ANY ($1) -- noqa: CP03,LT01,LT06
    AND NOT (
        c.id IN (SELECT l.id FROM locked AS l)
        AND (s.customer_id IS NULL OR s.customer_id IN (SELECT l.customer_id FROM locked_statistics AS l))
    )
ORDER BY c.id;
