-- Revert convo_tenancy:api/lock_customer from pg

\set ON_ERROR_STOP on
\set change api/lock_customer
\ir ../support/begin.sql
\if :is_done \quit \endif

-- Waits for the calls that hold a customer, and has those that wait for one find that it is gone.
CALL tenancy.lock_tables('EXCLUSIVE', 'public.customers');

DROP FUNCTION IF EXISTS tenancy.lock_customer(integer, boolean);

COMMIT;
