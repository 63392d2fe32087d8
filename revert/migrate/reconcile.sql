-- Revert convo_tenancy:migrate/reconcile from pg

BEGIN;

CALL tenancy.begin_change();

DROP PROCEDURE IF EXISTS tenancy.run_reconcile(integer);
DROP FUNCTION IF EXISTS tenancy.reconcile_step(integer[]);
DROP FUNCTION IF EXISTS tenancy.catch_up_customer();

COMMIT;
