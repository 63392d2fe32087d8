-- Sets the shop context until the transaction or savepoint ends, and returns what it was before: a shop, or nothing ('').
WITH previous AS MATERIALIZED (
    SELECT coalesce(current_setting('app.current_shop_id', TRUE), '') AS shop_id
)

SELECT
    p.shop_id,
    set_config('app.current_shop_id', $1::text, TRUE)
FROM previous AS p;
