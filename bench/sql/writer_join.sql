-- A customer who comes, as the legacy application inserts one: email.
INSERT INTO public.customers (email, name, average_spend_cents, no_show_count)
VALUES ($1, 'Writer', 0, 0);
