-- Revert convo_tenancy:migrate/apply_residual from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.apply_residual;

COMMIT;
