-- Step 1 of a legacy booking, where the phone names nobody: the customer by email.
-- $1 email
SELECT
    id,
    email,
    phone,
    name,
    preferred_stylist_id,
    average_spend_cents,
    no_show_count,
    created_at,
    updated_at
FROM public.customers
WHERE email = $1;
