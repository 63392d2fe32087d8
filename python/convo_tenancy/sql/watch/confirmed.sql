-- Confirmed bookings that begin from one moment ($1) to another ($2), by shop. By the index on the start: as many rows as these two
-- moments hold between them, whatever the table holds besides.
SELECT
    b.shop_id,
    (SELECT s.name FROM public.shops AS s WHERE s.id = b.shop_id) AS shop_name,
    count(*) AS confirmed
FROM public.bookings AS b
WHERE b.start_at_utc >= $1::timestamptz
    AND b.start_at_utc < $2::timestamptz
    AND b.status = 'CONFIRMED'
GROUP BY b.shop_id
ORDER BY b.shop_id;
