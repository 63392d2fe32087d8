-- Verify convo_tenancy:migrate/mirror_customers_to_profiles on pg

BEGIN;

SELECT 'tenancy.mirror_customers_to_profiles()'::regprocedure;

ROLLBACK;
