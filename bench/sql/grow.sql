-- Customers who come to a young shop, as the sample numbers them, from number :first to before number :customers.
INSERT INTO public.customers (id, email, phone, name, average_spend_cents, no_show_count)
SELECT
    1 + number + number / 50, -- of 51 ids one has no customer
    'customer-' || number || '@example.test',
    '+' || (16020000001 + number),
    'Customer',
    0,
    0
FROM generate_series(:first, :customers - 1) AS number;
