-- What it writes to the customer then: customer, average spend.
UPDATE public.customers
SET
    average_spend_cents = $2,
    updated_at = now()
WHERE id = $1;
