-- Verify convo_tenancy:migrate/reconcile on pg

BEGIN;

SELECT
    'tenancy.catch_up_customer()'::regprocedure,
    'tenancy.reconcile_step(integer[])'::regprocedure,
    'tenancy.run_reconcile(integer)'::regprocedure;

ROLLBACK;
