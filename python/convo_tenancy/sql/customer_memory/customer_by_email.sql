SELECT
    c.customer_id,
    c.email,
    c.phone,
    c.name
FROM tenancy.customer_by_email($1::text) AS c;
