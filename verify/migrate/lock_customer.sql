-- Verify convo_tenancy:migrate/lock_customer on pg

BEGIN;

SELECT 'tenancy.lock_customer(integer, boolean)'::regprocedure;

ROLLBACK;
