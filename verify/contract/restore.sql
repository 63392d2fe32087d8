-- Verify convo_tenancy:contract/restore on pg

BEGIN;

SELECT
    'tenancy.contracted'::regclass,
    'tenancy.legacy_side_of(integer[])'::regprocedure,
    'tenancy.restore_legacy_side(integer[])'::regprocedure,
    'tenancy.restore_step(integer[])'::regprocedure,
    'tenancy.run_restore(integer)'::regprocedure;

ROLLBACK;
