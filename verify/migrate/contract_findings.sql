-- Verify convo_tenancy:migrate/contract_findings on pg

BEGIN;

SELECT
    'tenancy.contract_findings(interval, integer[])'::regprocedure,
    'tenancy.check_contract(text, text, integer[])'::regprocedure;

SELECT 1 / count(*)
FROM tenancy.deployed_parts AS d
JOIN tenancy.dual_write_parts AS p ON p.name = d.name;

ROLLBACK;
