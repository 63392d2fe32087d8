-- What still disagrees of these customers.
SELECT
    d.kind,
    d.customer_id,
    d.shop_id,
    d.legacy_value,
    d.profile_value
FROM tenancy.drift AS d
WHERE d.customer_id = ANY ($1) -- noqa: CP03,LT01,LT06
ORDER BY
    d.customer_id,
    d.kind,
    d.shop_id;
