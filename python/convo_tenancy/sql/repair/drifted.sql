SELECT DISTINCT d.customer_id
FROM tenancy.drift AS d
ORDER BY d.customer_id;
