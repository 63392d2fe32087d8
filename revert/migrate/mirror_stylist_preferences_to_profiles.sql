-- Revert convo_tenancy:migrate/mirror_stylist_preferences_to_profiles from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.mirror_stylist_preferences_to_profiles();
DROP FUNCTION IF EXISTS tenancy.move_preference(integer, integer, integer, integer);

COMMIT;
