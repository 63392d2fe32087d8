SELECT
    c.customer_id,
    c.email,
    c.phone,
    c.name
FROM tenancy.customer_by_phone($1::text) AS c;
