-- Revert convo_tenancy:migrate/legacy_writers from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.note_legacy_write();
DROP VIEW IF EXISTS tenancy.legacy_writers;
DROP TABLE IF EXISTS tenancy.legacy_writes;

COMMIT;
