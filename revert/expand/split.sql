-- Revert convo_tenancy:expand/split from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.split(integer[], tenancy.statistics);
DROP TYPE IF EXISTS tenancy.statistics;

COMMIT;
