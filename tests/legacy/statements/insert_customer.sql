-- Step 1 of a legacy booking, where nobody is found: a new customer.
-- $1 email, $2 phone, $3 name
INSERT INTO public.customers (
    email, phone, name, preferred_stylist_id, average_spend_cents, no_show_count
)
VALUES ($1, $2, $3, NULL, 0, 0)
RETURNING id, created_at, updated_at;
