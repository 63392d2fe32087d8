SELECT c.customer_id
FROM tenancy.get_or_create_customer($1::text, $2::text, $3::text) AS c (customer_id);
