-- Revert convo_tenancy:api/customer_defaults from pg

\set ON_ERROR_STOP on
\set change api/customer_defaults
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');

ALTER TABLE public.customers
ALTER COLUMN average_spend_cents DROP DEFAULT,
ALTER COLUMN no_show_count DROP DEFAULT;

COMMIT;
