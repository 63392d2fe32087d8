SELECT m.customer_id
FROM tenancy.misplaced_bookings AS m
ORDER BY m.customer_id;
