-- Verify convo_tenancy:migrate/mirror_profiles_to_legacy on pg

BEGIN;

SELECT 'tenancy.mirror_profiles_to_legacy()'::regprocedure;

ROLLBACK;
