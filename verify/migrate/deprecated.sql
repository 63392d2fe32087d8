-- Verify convo_tenancy:migrate/deprecated on pg

BEGIN;

SELECT 1 / count(*)
FROM tenancy.earlier_comments;

ROLLBACK;
