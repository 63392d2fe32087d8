-- Verify convo_tenancy:expand/residual on pg

BEGIN;

SELECT 1 / (tenancy.residual(10, 7) = 3 AND tenancy.residual_cut(3, 5, 6) = 1)::integer;

ROLLBACK;
