-- Verify convo_tenancy:support/schema on pg

\set ON_ERROR_STOP on
\set SHOW_CONTEXT never

BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;

SET LOCAL search_path = pg_catalog, pg_temp;

SELECT 1 / count(*)
FROM tenancy.settings AS s
JOIN public.shops AS d ON d.id = s.default_shop_id;

SELECT 1 / count(*)
FROM tenancy.changes AS c
WHERE c.change = 'support/schema'
    AND c.state = 'standing';

ROLLBACK;
