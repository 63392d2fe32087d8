-- Deploy convo_tenancy:api/customer_defaults to pg

-- The columns that go in phase 3 need not be named by who inserts a customer: the same statement works before and after.

\set ON_ERROR_STOP on
\set change api/customer_defaults
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');

CALL tenancy.record_definitions('api/customer_defaults', 'public.customers', '{average_spend_cents,no_show_count}', '{default}');

ALTER TABLE public.customers
ALTER COLUMN average_spend_cents SET DEFAULT 0,
ALTER COLUMN no_show_count SET DEFAULT 0;

COMMIT;
