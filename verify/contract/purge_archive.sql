-- Verify convo_tenancy:contract/purge_archive on pg

BEGIN;

SELECT 'tenancy.purge_archive(text)'::regprocedure;

ROLLBACK;
