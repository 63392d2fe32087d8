-- Revert convo_tenancy:migrate/shop_access from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.check_access(integer, integer);
DROP FUNCTION IF EXISTS tenancy.is_restricted();
DROP FUNCTION IF EXISTS tenancy.shop_in_context();

COMMIT;
