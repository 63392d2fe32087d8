-- Revert convo_tenancy:migrate/lock_customer from pg

BEGIN;

CALL tenancy.begin_change();

-- Waits for the calls that hold a customer, and has those that wait for one find that it is gone.
CALL tenancy.lock_tables('EXCLUSIVE', 'public.customers');

DROP FUNCTION IF EXISTS tenancy.lock_customer(integer, boolean);

COMMIT;
