-- Revert convo_tenancy:migrate/prefer_stylist from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.prefer_stylist(integer, integer, integer);

COMMIT;
