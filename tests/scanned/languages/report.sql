-- customer_booking_stats
SELECT s.* FROM customer_booking_stats AS s; -- FOUND statistics
SELECT p.no_show_count, c.name FROM customer_shop_profiles AS p JOIN customers AS c ON c.id = p.customer_id;
SELECT p.no_show_count, c.average_spend_cents -- FOUND average
FROM customer_shop_profiles AS p JOIN customers AS c ON c.id = p.customer_id;
COMMENT ON TABLE x IS 'after customer_booking_stats';
