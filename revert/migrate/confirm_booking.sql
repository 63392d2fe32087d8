-- Revert convo_tenancy:migrate/confirm_booking from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.confirm_booking();
DROP FUNCTION IF EXISTS tenancy.lock_customer_of_booking(varchar, varchar);

COMMIT;
