-- Revert convo_tenancy:expand/residual from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.residual_cut(bigint, bigint, bigint);
DROP FUNCTION IF EXISTS tenancy.residual(bigint, bigint);

COMMIT;
