-- Verify convo_tenancy:migrate/mirror_statistics_to_profiles on pg

BEGIN;

SELECT 'tenancy.mirror_statistics_to_profiles()'::regprocedure;

ROLLBACK;
