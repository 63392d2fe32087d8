-- Verify convo_tenancy:expand/split on pg

BEGIN;

SELECT 'tenancy.split(integer[], tenancy.statistics)'::regprocedure;

ROLLBACK;
