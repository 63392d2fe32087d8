-- Verify convo_tenancy:isolation/roles on pg

\set ON_ERROR_STOP on
\set change isolation/roles
\ir ../support/begin.sql

SELECT 1 / (count(*) = 3)::integer
FROM pg_catalog.pg_roles AS r
WHERE r.rolname IN ('convo_shop', 'convo_back_office', 'convo_health')
    AND NOT r.rolcanlogin
    AND NOT r.rolsuper
    AND NOT r.rolbypassrls;

ROLLBACK;
