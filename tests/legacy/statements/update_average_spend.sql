-- Step 4 of a legacy booking, only if the average is not what step 1 read.
-- $1 customer, $2 average
UPDATE public.customers
SET
    average_spend_cents = $2,
    updated_at = now()
WHERE id = $1;
