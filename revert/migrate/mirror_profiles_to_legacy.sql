-- Revert convo_tenancy:migrate/mirror_profiles_to_legacy from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.mirror_profiles_to_legacy();

COMMIT;
