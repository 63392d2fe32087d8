-- Revert convo_tenancy:support/schema from pg

\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SHOW_CONTEXT never

BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told
SET LOCAL statement_timeout = '1min';
SET LOCAL lock_timeout = '5s';

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
