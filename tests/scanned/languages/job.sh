# customer_booking_stats
pg_dump -t customer_booking_stats # FOUND statistics
psql -c "UPDATE customers SET no_show_count = 0" # FOUND no_show
psql <<'SQL'
UPDATE customers AS c
SET no_show_count = 0 -- FOUND no_show
FROM customer_shop_profiles AS p
WHERE p.no_show_count = 0 AND p.customer_id = c.id;
SQL
