SELECT
    r.customer_id,
    r.shop_id,
    r.field,
    r.value_before AS before,
    r.value_after AS after
FROM tenancy.repair($1, $2) AS r;
