-- Verify convo_tenancy:expand/has_legacy_side on pg

BEGIN;

SELECT 'tenancy.has_legacy_side()'::regprocedure;

ROLLBACK;
