SELECT
    c.customer_id,
    c.email,
    c.phone,
    c.name
FROM tenancy.customers_by_preferred_stylist($1::text::integer) AS c;
