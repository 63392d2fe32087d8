-- Revert convo_tenancy:migrate/record from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.set_preferred_stylist(integer, integer, integer);
DROP FUNCTION IF EXISTS tenancy.record_no_show(integer, integer);
DROP FUNCTION IF EXISTS tenancy.record_booking(integer, integer, integer, integer, timestamptz);
DROP FUNCTION IF EXISTS tenancy.check_stylist(integer, integer);
DROP FUNCTION IF EXISTS tenancy.check_shop(integer);

COMMIT;
