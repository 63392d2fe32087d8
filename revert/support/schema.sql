-- Revert convo_tenancy:support/schema from pg

\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SHOW_CONTEXT never
\set SINGLELINE off

BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told
SET LOCAL statement_timeout = '1min';
SET LOCAL lock_timeout = '5s';

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

DO $$
BEGIN
    IF to_regprocedure('tenancy.begin_change(text, text, text)') IS NOT NULL THEN
        RAISE EXCEPTION 'support/begin stands, whatever Sqitch''s registry says: run sqitch deploy --to support/begin, which only '
            'registers it, then the same revert again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;

DROP TABLE IF EXISTS tenancy.changes, tenancy.settings;

-- Not CASCADE: what stands in the schema and is not ours stops the revert.
DROP SCHEMA IF EXISTS tenancy;

COMMIT;
