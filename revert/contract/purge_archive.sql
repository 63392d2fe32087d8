-- Revert convo_tenancy:contract/purge_archive from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.purge_archive(text);

COMMIT;
