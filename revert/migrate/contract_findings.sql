-- Revert convo_tenancy:migrate/contract_findings from pg

BEGIN;

CALL tenancy.begin_change();

DROP PROCEDURE IF EXISTS tenancy.check_contract(text, text, integer[]);
DROP FUNCTION IF EXISTS tenancy.contract_findings(interval, integer[]);
DROP TABLE IF EXISTS tenancy.deployed_parts;
DROP VIEW IF EXISTS tenancy.dual_write_parts;

COMMIT;
