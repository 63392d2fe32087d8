-- Revert convo_tenancy:expand/has_legacy_side from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.has_legacy_side();

COMMIT;
