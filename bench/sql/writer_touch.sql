-- The smallest write: customer.
UPDATE public.customers
SET updated_at = now()
WHERE id = $1;
