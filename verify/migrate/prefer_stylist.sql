-- Verify convo_tenancy:migrate/prefer_stylist on pg

BEGIN;

SELECT 'tenancy.prefer_stylist(integer, integer, integer)'::regprocedure;

ROLLBACK;
