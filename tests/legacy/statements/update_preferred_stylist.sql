-- Step 8 of a legacy booking, last, only if the stylist is not whom step 1 read.
-- $1 customer, $2 stylist
UPDATE public.customers
SET
    preferred_stylist_id = $2,
    updated_at = now()
WHERE id = $1;
