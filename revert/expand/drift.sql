-- Revert convo_tenancy:expand/drift from pg

BEGIN;

CALL tenancy.begin_change();

DROP VIEW IF EXISTS tenancy.drift;

COMMIT;
