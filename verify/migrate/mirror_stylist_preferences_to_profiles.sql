-- Verify convo_tenancy:migrate/mirror_stylist_preferences_to_profiles on pg

BEGIN;

SELECT
    'tenancy.move_preference(integer, integer, integer, integer)'::regprocedure,
    'tenancy.mirror_stylist_preferences_to_profiles()'::regprocedure;

ROLLBACK;
