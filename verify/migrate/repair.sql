-- Verify convo_tenancy:migrate/repair on pg

BEGIN;

SELECT
    'tenancy.both_sides(integer[])'::regprocedure,
    'tenancy.split_anew(integer)'::regprocedure,
    'tenancy.repair_from_legacy(integer, text[])'::regprocedure,
    'tenancy.repair_from_profiles(integer, text[])'::regprocedure,
    'tenancy.repair(integer[], text, boolean)'::regprocedure;

ROLLBACK;
