-- Verify convo_tenancy:support/schema on pg

\set ON_ERROR_STOP on
\set SHOW_CONTEXT never
\set SINGLELINE off

BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;

SET LOCAL search_path = pg_catalog, pg_temp;

-- Asked of the catalogs alone: what stands in a schema of somebody else's would run with our rights.
DO $$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_namespace AS n
        JOIN pg_class AS t ON t.relowner <> n.nspowner
        WHERE n.nspname = 'tenancy'
            AND t.oid = to_regclass('public.customers')
    ) THEN
        RAISE EXCEPTION 'schema tenancy and public.customers have different owners. If the tables have a new owner, '
            'give it everything of this project (docs/support.md#refused); else rename the schema'
            USING ERRCODE = 'duplicate_object';
    END IF;
END;
$$;

SELECT 1 / count(*)
FROM tenancy.settings AS s
JOIN public.shops AS d ON d.id = s.default_shop_id;

SELECT 1 / count(*)
FROM tenancy.changes AS c
WHERE c.change = 'support/schema'
    AND c.state = 'standing';

-- From support/parts on, what it made is there as it was made.
SELECT to_regprocedure('tenancy.verify_change(text)') IS NOT NULL AS has_verify \gset
\if :has_verify
CALL tenancy.pin_settings();
SELECT tenancy.verify_change('support/schema');
\endif

ROLLBACK;
