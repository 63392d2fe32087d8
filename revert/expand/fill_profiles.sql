-- Revert convo_tenancy:expand/fill_profiles from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.fill_profiles(integer[], tenancy.statistics);

COMMIT;
