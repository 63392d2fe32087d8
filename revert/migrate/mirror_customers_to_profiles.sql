-- Revert convo_tenancy:migrate/mirror_customers_to_profiles from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.mirror_customers_to_profiles();

COMMIT;
