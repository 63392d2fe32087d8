-- Verify convo_tenancy:migrate/roles on pg

BEGIN;

SELECT 1 / (count(*) = 3)::integer
FROM pg_catalog.pg_roles AS r
WHERE r.rolname IN ('convo_shop', 'convo_back_office', 'convo_health')
    AND NOT r.rolcanlogin
    AND NOT r.rolsuper
    AND NOT r.rolbypassrls;

ROLLBACK;
