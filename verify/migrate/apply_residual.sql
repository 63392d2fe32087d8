-- Verify convo_tenancy:migrate/apply_residual on pg

BEGIN;

SELECT 'tenancy.apply_residual'::regproc;

ROLLBACK;
