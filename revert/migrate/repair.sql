-- Revert convo_tenancy:migrate/repair from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.repair(integer[], text, boolean);
DROP FUNCTION IF EXISTS tenancy.repair_from_profiles(integer, text[]);
DROP FUNCTION IF EXISTS tenancy.repair_from_legacy(integer, text[]);
DROP FUNCTION IF EXISTS tenancy.split_anew(integer);
DROP FUNCTION IF EXISTS tenancy.both_sides(integer[]);

COMMIT;
