-- What new code reads before a conversation: customer, shop.
SELECT *
FROM tenancy.customer_context($1, $2);
