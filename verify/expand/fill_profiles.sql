-- Verify convo_tenancy:expand/fill_profiles on pg

BEGIN;

SELECT 'tenancy.fill_profiles(integer[], tenancy.statistics)'::regprocedure;

ROLLBACK;
