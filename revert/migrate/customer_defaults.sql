-- Revert convo_tenancy:migrate/customer_defaults from pg

BEGIN;

CALL tenancy.begin_change();

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');

ALTER TABLE public.customers
ALTER COLUMN average_spend_cents DROP DEFAULT,
ALTER COLUMN no_show_count DROP DEFAULT;

COMMIT;
