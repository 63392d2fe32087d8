-- Verify convo_tenancy:support/begin on pg

-- How a verify script begins: it sets "change" and includes this file. What the change made is there, as it was made.

\set ON_ERROR_STOP on
\set SHOW_CONTEXT never
\set SINGLELINE off
\if :{?change}
\else
    \set change support/begin
\endif

BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;

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

CALL tenancy.pin_settings();
SELECT tenancy.verify_change(:'change');
