-- Verify convo_tenancy:api/deprecated on pg

\set ON_ERROR_STOP on
\set change api/deprecated
\ir ../support/begin.sql

SELECT 1 / count(*)
FROM tenancy.definitions AS d
WHERE d.change = 'api/deprecated';

ROLLBACK;
