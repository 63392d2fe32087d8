-- Revert convo_tenancy:support/begin from pg

-- How a revert script begins: see deploy/support/begin.sql. Where nothing of ours stands, there is nothing to do.

\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SHOW_CONTEXT never
\set SINGLELINE off

BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
SET LOCAL quote_all_identifiers = off;
SET LOCAL statement_timeout = '10min';
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

\if :{?change}

\if :{?registry}
\else
    \set registry ''
\endif

\set is_done yes
SELECT to_regprocedure('tenancy.begin_change(text, text, text)') IS NOT NULL AS is_ready \gset
\if :is_ready
\if :{?client}
\else
SELECT (random() * 2147483645)::integer + 2 AS client \gset
\endif
SELECT tenancy.mark_session(:'client') \g /dev/null
SELECT tenancy.begin_change('revert', :'change', :'registry') AS is_done \gset
\else
SELECT to_regclass('tenancy.changes') IS NOT NULL AS has_changes \gset
\if :has_changes
DO $$
BEGIN
    IF EXISTS (SELECT FROM tenancy.changes AS c WHERE c.change = 'support/begin' AND c.state = 'standing') THEN
        RAISE EXCEPTION 'tenancy.begin_change() is gone. Run psql -X "$DATABASE_URL" -f deploy/support/begin.sql, then the same again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;
\endif
\endif
\if :is_done
COMMIT;
\endif

\else

SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

DO $$
DECLARE
    standing text;
BEGIN
    IF to_regclass('tenancy.changes') IS NULL THEN
        RETURN;
    END IF;
    LOCK TABLE tenancy.changes IN SHARE ROW EXCLUSIVE MODE;
    SELECT c.change
    INTO standing
    FROM tenancy.changes AS c
    WHERE c.state <> 'absent'
        AND c.change NOT IN ('support/schema', 'support/begin')
    ORDER BY c.position DESC
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% stands, whatever Sqitch''s registry says: run sqitch deploy --to %, which registers it, then the same '
            'revert again', standing, standing
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE tenancy.changes AS c
    SET
        state = 'absent',
        standing_since = NULL
    WHERE c.change = 'support/begin';
END;
$$;

DROP FUNCTION IF EXISTS tenancy.verify_change(text);
DROP PROCEDURE IF EXISTS tenancy.close_change(text);
DROP PROCEDURE IF EXISTS tenancy.mark_begun();
DROP PROCEDURE IF EXISTS tenancy.keep_open(boolean);
DROP PROCEDURE IF EXISTS tenancy.enter_change(text);
DROP FUNCTION IF EXISTS tenancy.begin_change(text, text, text);
DROP FUNCTION IF EXISTS tenancy.is_later(text);
DROP FUNCTION IF EXISTS tenancy.open_changes();
DROP VIEW IF EXISTS tenancy.held_keys;
DROP FUNCTION IF EXISTS tenancy.take_key();
DROP FUNCTION IF EXISTS tenancy.random_key();
DROP FUNCTION IF EXISTS tenancy.mark_session(integer);
DROP FUNCTION IF EXISTS tenancy.command_for(text, text);
DROP FUNCTION IF EXISTS tenancy.is_registered(text);
DROP PROCEDURE IF EXISTS tenancy.begin_batch();
DROP PROCEDURE IF EXISTS tenancy.pin_settings(boolean);
DROP PROCEDURE IF EXISTS tenancy.act_as_owner(boolean);
DROP FUNCTION IF EXISTS tenancy.printable(text);

COMMIT;

\endif
