-- Verify convo_tenancy:migrate/legacy_writers on pg

BEGIN;

SELECT 'tenancy.note_legacy_write()'::regprocedure;

SELECT 'tenancy.legacy_writes'::regclass;

SELECT 'tenancy.legacy_writers'::regclass;

ROLLBACK;
