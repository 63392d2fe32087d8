-- Revert convo_tenancy:migrate/attribution from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.attributed_shop(integer, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS tenancy.shop_of_last_booking(integer, timestamptz);
DROP FUNCTION IF EXISTS tenancy.current_shop();

COMMIT;
