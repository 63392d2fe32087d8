-- Step 1 of a legacy booking: the customer by phone.
-- $1 phone
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
WHERE phone = $1;
