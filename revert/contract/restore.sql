-- Revert convo_tenancy:contract/restore from pg

BEGIN;

CALL tenancy.begin_change();

DROP PROCEDURE IF EXISTS tenancy.run_restore(integer);
DROP FUNCTION IF EXISTS tenancy.restore_step(integer[]);
DROP FUNCTION IF EXISTS tenancy.restore_legacy_side(integer[]);
DROP FUNCTION IF EXISTS tenancy.legacy_side_of(integer[]);
DROP TABLE IF EXISTS tenancy.contracted;

COMMIT;
