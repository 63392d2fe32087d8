-- Deploy convo_tenancy:support/begin to pg

-- How a deploy script begins: it sets "change" to its own name and includes this file. It is then in a transaction with pinned settings,
-- alone among our scripts, entered in tenancy.changes, and acts as the owner of the legacy tables. When there is nothing to do, is_done
-- is true and the transaction is over. A script of several transactions includes this file for each.

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

SELECT to_regprocedure('tenancy.begin_change(text, text, text)') IS NOT NULL AS is_ready \gset
\if :is_ready
\if :{?client}
\else
SELECT (random() * 2147483645)::integer + 2 AS client \gset
\endif
SELECT tenancy.mark_session(:'client') \g /dev/null
SELECT tenancy.begin_change('deploy', :'change', :'registry') AS is_done \gset
\if :is_done
COMMIT;
\endif
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
DO $$
BEGIN
    RAISE EXCEPTION 'support/begin does not stand in this database. If Sqitch''s registry has it, run sqitch revert --to '
        'support/schema -y, which changes only the registry. Then run sqitch deploy'
        USING ERRCODE = 'object_not_in_prerequisite_state';
END;
$$;
\endif

\else

-- As a change of its own: the functions that the above calls.


SELECT to_regclass('tenancy.changes') IS NOT NULL AS is_ready \gset
\if :is_ready
\else
DO $$
BEGIN
    RAISE EXCEPTION 'support/schema does not stand in this database. If Sqitch''s registry has it, run sqitch revert --to '
        'support/preconditions -y, which changes only the registry. Then run sqitch deploy'
        USING ERRCODE = 'object_not_in_prerequisite_state';
END;
$$;
\endif

SELECT pg_get_userbyid(t.relowner) AS owner_name
FROM pg_class AS t
WHERE t.oid = 'public.customers'::regclass \gset

SET LOCAL ROLE :"owner_name";

-- When it runs again, what it alters is entered as for every other script.
SELECT to_regprocedure('tenancy.part_states()') IS NOT NULL AS has_parts \gset
\if :has_parts
SELECT set_config('tenancy.parts_before', tenancy.part_states()::text, TRUE) \g /dev/null
UPDATE tenancy.changes SET state = state WHERE change = 'support/begin';
\endif

CREATE OR REPLACE FUNCTION tenancy.printable(value text)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN regexp_replace(
    value,
    -- C0 and C1 (newline and escape are among them), and what turns, hides or ends a line of text
    '[\x01-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]',
    '?',
    'g'
);

COMMENT ON FUNCTION tenancy.printable(text) IS
'Makes a foreign text safe to show: a ? replaces each character that controls a terminal or log. Messages pass each name and '
'setting from elsewhere through it. Example: SELECT tenancy.printable(E''a\033[2Jb'')';

CREATE OR REPLACE PROCEDURE tenancy.act_as_owner(is_local boolean DEFAULT TRUE)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('role', pg_get_userbyid(t.relowner), is_local)
    FROM pg_class AS t
    WHERE t.oid = 'public.customers'::regclass;
END;
$$;

COMMENT ON PROCEDURE tenancy.act_as_owner(boolean) IS
'Takes the role of the owner of the legacy tables, who owns all of this project, for the transaction; with FALSE, for the '
'session. Example: CALL tenancy.act_as_owner()';

CREATE OR REPLACE PROCEDURE tenancy.pin_settings(is_local boolean DEFAULT TRUE)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Not for us to change: only a superuser may.
    IF current_setting('session_replication_role') <> 'origin' THEN
        RAISE EXCEPTION 'session_replication_role is %, so triggers and foreign keys would not work: SET session_replication_role '
            '= origin, or ALTER ROLE or ALTER DATABASE ... RESET session_replication_role',
            current_setting('session_replication_role')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    -- What a role, a database or a client sets for the application must not end a script, nor change what it says.
    PERFORM set_config(s.name, s.value, is_local)
    FROM (
        VALUES
            ('statement_timeout', CASE WHEN is_local THEN '10min' ELSE '0' END),
            ('lock_timeout', CASE WHEN is_local THEN '2s' ELSE '0' END),
            ('transaction_timeout', '0'), -- from PostgreSQL 17 on
            ('idle_in_transaction_session_timeout', '0'),
            ('idle_session_timeout', '0'),
            ('client_connection_check_interval', '2s'), -- a client that was killed must not leave its script running
            ('default_transaction_isolation', 'read committed'), -- of what a procedure that commits begins
            ('default_transaction_read_only', 'off'),
            ('default_transaction_deferrable', 'off'),
            ('DateStyle', 'ISO, YMD'),
            ('IntervalStyle', 'postgres'),
            ('TimeZone', 'UTC'),
            ('bytea_output', 'hex'),
            ('extra_float_digits', '1'),
            ('standard_conforming_strings', 'on'),
            ('quote_all_identifiers', 'off'),
            ('array_nulls', 'on'),
            ('transform_null_equals', 'off'),
            ('check_function_bodies', 'on'),
            ('row_security', 'on'),
            ('default_tablespace', ''),
            ('default_table_access_method', 'heap'),
            ('default_toast_compression', 'pglz'),
            ('restrict_nonsystem_relation_kind', ''),
            ('temp_tablespaces', ''),
            ('synchronize_seqscans', 'on'),
            ('plan_cache_mode', 'auto'),
            ('jit', 'off') -- compiling a statement that runs once costs more than it saves
    ) AS s (name, value)
    WHERE current_setting(s.name, TRUE) IS NOT NULL;

    IF NOT is_local THEN
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', FALSE);
    END IF;
END;
$$;

COMMENT ON PROCEDURE tenancy.pin_settings(boolean) IS
'Sets the settings that scripts rely on, whatever role and database have, for the transaction; with FALSE, for the session, '
'search_path included. Refuses a setting that it cannot reset. Example: CALL tenancy.pin_settings()';

CREATE OR REPLACE PROCEDURE tenancy.begin_batch()
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed' THEN
        RAISE EXCEPTION 'a batch needs a new snapshot for each statement: SET default_transaction_isolation = ''read committed'', '
            'then run the same again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', TRUE);
END;
$$;

COMMENT ON PROCEDURE tenancy.begin_batch() IS
'Limits name lookup to pg_catalog until the transaction ends, and checks the isolation level. A procedure that commits can have '
'no SET clause, so it calls this first and after each COMMIT. Example: CALL tenancy.begin_batch()';

CREATE OR REPLACE FUNCTION tenancy.is_registered(change text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    registry CONSTANT name := (SELECT s.registry FROM tenancy.settings AS s);
    found_there boolean;
BEGIN
    IF to_regnamespace(quote_ident(registry)) IS NULL
        OR NOT has_schema_privilege(registry, 'USAGE')
    THEN
        RETURN NULL;
    END IF;
    IF NOT EXISTS (
        SELECT
        FROM pg_class AS t
        WHERE t.oid = to_regclass(format('%I.changes', registry))
            AND t.relkind = 'r' -- a view would run what somebody wrote
            AND NOT t.relrowsecurity
            AND has_table_privilege(t.oid, 'SELECT')
    ) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.changes AS c WHERE c.project = $1 AND c.change = $2)', registry)
    INTO found_there
    USING 'convo_tenancy', is_registered.change;
    RETURN found_there;
END;
$$;

COMMENT ON FUNCTION tenancy.is_registered(text) IS
'Whether Sqitch''s registry has this change; NULL if the registry cannot be read. Example: SELECT '
'tenancy.is_registered(''support/schema'')';

CREATE OR REPLACE FUNCTION tenancy.command_for(change text, direction text)
RETURNS text
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    variables CONSTANT text := CASE
        WHEN change IN ('contract/switch', 'contract/purge_archive') AND direction = 'deploy' THEN ' --set contract=yes'
        ELSE ''
    END;
    is_registered CONSTANT boolean := tenancy.is_registered(change);
    registry CONSTANT text := (
        SELECT CASE WHEN s.registry = 'sqitch' THEN '' ELSE tenancy.printable(format(' --registry %I', s.registry)) END
        FROM tenancy.settings AS s
    );
    below CONSTANT text := (
        SELECT c.change
        FROM tenancy.changes AS c
        WHERE c.position = (SELECT own.position - 1 FROM tenancy.changes AS own WHERE own.change = command_for.change)
    );
BEGIN
    -- Sqitch runs the script of a change that it does not have, or takes back one that it has; the rest is psql's.
    RETURN CASE
        WHEN direction = 'deploy' AND is_registered THEN format('psql -X "$DATABASE_URL" -f deploy/%s.sql%s', change,
            replace(variables, '--set', '-v'))
        WHEN direction = 'deploy' THEN format('sqitch deploy --to %s%s%s', change, variables, registry)
        WHEN is_registered IS FALSE THEN format('psql -X "$DATABASE_URL" -f revert/%s.sql', change)
        ELSE format('sqitch revert --to %s -y%s', coalesce(below, 'support/preconditions'), registry)
    END;
END;
$$;

COMMENT ON FUNCTION tenancy.command_for(text, text) IS
'The command that deploys (direction deploy) or reverts (revert) a change, given what the database and Sqitch''s registry say '
'now. Example: SELECT tenancy.command_for(''contract/switch'', ''deploy'')';

CREATE OR REPLACE FUNCTION tenancy.mark_session(client integer DEFAULT 0)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mark CONSTANT integer NOT NULL := 1129270870; -- the letters CONV; support/preconditions has it, too
BEGIN
    -- A client of its own has a session of its own: what another one's script left here came by a pooler.
    IF client > 0 AND EXISTS (
        SELECT
        FROM pg_locks AS l
        WHERE l.pid = pg_backend_pid()
            AND l.locktype = 'advisory'
            AND l.objsubid = 2
            AND l.classid::bigint = mark
            AND l.objid::bigint NOT IN (0, client)
    ) THEN
        RAISE EXCEPTION 'another client''s script ran in this session of the server, so you use a pooler in transaction mode: '
            'connect directly, or to a pool in session mode. docs/support.md#poolers says how to clean up'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    PERFORM pg_try_advisory_lock_shared(mark, client); -- nobody waits for it
END;
$$;

COMMENT ON FUNCTION tenancy.mark_session(integer) IS
'Marks this session until it ends, by a shared advisory lock that blocks nobody: it may keep settings, a role or a key of a '
'script. A script passes its client''s random number, and is refused (55000) where another client''s script left a mark; 0 is a '
'call by hand. Example: SELECT tenancy.mark_session()';

CREATE OR REPLACE FUNCTION tenancy.random_key()
RETURNS bigint
LANGUAGE sql
VOLATILE
RETURN ('x' || left(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint;

COMMENT ON FUNCTION tenancy.random_key() IS
'A random number of 60 bits that nobody can guess. Example: SELECT tenancy.random_key()';

CREATE OR REPLACE FUNCTION tenancy.take_key()
RETURNS bigint
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key CONSTANT bigint NOT NULL := tenancy.random_key();
BEGIN
    PERFORM tenancy.mark_session();
    PERFORM pg_advisory_lock(key); -- never waits: nobody else knows it
    RETURN key;
END;
$$;

COMMENT ON FUNCTION tenancy.take_key() IS
'Takes an advisory lock with a random key until the session ends, and returns the key. Tables store it with the pid: while that '
'session holds it, it still runs. Another session with the same key proves nothing. Example: SELECT tenancy.take_key()';

CREATE OR REPLACE VIEW tenancy.held_keys (pid, key)
WITH (security_invoker = TRUE)
AS
SELECT
    l.pid,
    (l.classid::bigint << 32) + l.objid::bigint -- the halves of a bigint key
FROM pg_locks AS l
WHERE l.locktype = 'advisory'
    AND l.granted
    AND l.objsubid = 1
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());

COMMENT ON VIEW tenancy.held_keys IS
'The advisory locks that sessions hold in this database. Any session can take any key, so compare the pid, too. Example: SELECT '
'key FROM tenancy.held_keys WHERE pid = pg_backend_pid()';
COMMENT ON COLUMN tenancy.held_keys.pid IS 'The session that holds the lock.';
COMMENT ON COLUMN tenancy.held_keys.key IS 'The key, for locks whose key is one bigint.';

CREATE OR REPLACE FUNCTION tenancy.open_changes()
RETURNS TABLE (change text, pid integer, is_own boolean)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        c.change,
        c.open_pid,
        c.open_pid = pg_backend_pid()
    FROM tenancy.changes AS c
    JOIN tenancy.held_keys AS h
        ON h.pid = c.open_pid
        AND h.key = c.open_key;
END;
$$;

COMMENT ON FUNCTION tenancy.open_changes() IS
'Changes whose script of several transactions runs now, with the session that runs it. Example: SELECT * FROM '
'tenancy.open_changes()';

CREATE OR REPLACE FUNCTION tenancy.is_later(change text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT
        FROM tenancy.changes AS c
        JOIN tenancy.changes AS t ON t.position >= c.position
        WHERE c.change = is_later.change
            AND t.tag IS NOT NULL
    );
END;
$$;

COMMENT ON FUNCTION tenancy.is_later(text) IS
'Whether a change follows the last phase of the plan: a later release added it, and no phase contains it. Example: SELECT '
'tenancy.is_later(''support/schema'')';

CREATE OR REPLACE FUNCTION tenancy.begin_change(direction text, change text, registry text DEFAULT '')
RETURNS boolean
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own tenancy.changes;
    other record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the script runs inside another transaction, at %: run it outside one',
            current_setting('transaction_isolation')
            USING ERRCODE = 'active_sql_transaction';
    END IF;
    -- Ours, for one transaction: set for longer, they would switch the mirrors off.
    IF current_setting('tenancy.mirroring', TRUE) <> '' OR current_setting('tenancy.confirmed', TRUE) <> '' THEN
        RAISE EXCEPTION 'tenancy.mirroring or tenancy.confirmed is set for the role, the database or the session: '
            'ALTER ROLE or ALTER DATABASE ... RESET it'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    CALL tenancy.pin_settings();

    -- One script at a time. What is read from here on is what the one before left.
    BEGIN
        LOCK TABLE tenancy.changes IN SHARE ROW EXCLUSIVE MODE;
    EXCEPTION
        WHEN lock_not_available THEN
            RAISE EXCEPTION 'another script of convo_tenancy runs, maybe of a Sqitch that was killed (%). Wait for it to end, or '
                'end it with pg_terminate_backend, then run the same again',
                (
                    SELECT string_agg('pid ' || l.pid, ', ' ORDER BY l.pid)
                    FROM pg_locks AS l
                    WHERE l.relation = 'tenancy.changes'::regclass
                        AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                        AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
                        AND l.granted
                )
                USING ERRCODE = 'lock_not_available';
    END;

    FOR other IN SELECT o.* FROM tenancy.open_changes() AS o LOOP
        IF NOT other.is_own THEN
            RAISE EXCEPTION '%: its script still runs in the session with pid %, maybe of a Sqitch that was killed. Wait for it to '
                'end, or end it with SELECT pg_terminate_backend(%), then run the same again', other.change, other.pid, other.pid
                USING ERRCODE = 'lock_not_available';
        END IF;
        -- The next transaction of this session's script, or a script that it includes.
        CALL tenancy.enter_change(other.change);
        RETURN FALSE;
    END LOOP;

    IF registry <> '' THEN
        UPDATE tenancy.settings AS s SET registry = begin_change.registry WHERE s.registry <> begin_change.registry;
    END IF;

    SELECT c.*
    INTO own
    FROM tenancy.changes AS c
    WHERE c.change = begin_change.change;
    IF NOT FOUND THEN -- of a later release; what must not run again says so itself
        INSERT INTO tenancy.changes AS c (position, change, is_repeatable)
        SELECT
            max(o.position) + 1,
            begin_change.change,
            TRUE
        FROM tenancy.changes AS o
        RETURNING c.* INTO own;
    END IF;

    IF direction = 'deploy' THEN
        -- Everything before it stands. What a later release adds does not wait for the contract.
        FOR other IN
            SELECT c.*
            FROM tenancy.changes AS c
            WHERE c.position < own.position
                AND c.state <> 'standing'
                AND NOT (
                    c.state = 'absent'
                    AND c.position > (SELECT t.position FROM tenancy.changes AS t WHERE t.tag = '@phase2')
                    AND NOT tenancy.is_later(c.change)
                    AND tenancy.is_later(own.change)
                )
            ORDER BY c.position
            LIMIT 1
        LOOP
            RAISE EXCEPTION '% does not stand in this database%. Run %, then the same again',
                other.change,
                CASE
                    WHEN other.state <> 'absent' THEN format(' (it was interrupted while %s)', other.state)
                    WHEN tenancy.is_registered(other.change) THEN ', though Sqitch''s registry has it'
                    ELSE ''
                END,
                tenancy.command_for(
                    other.change,
                    CASE
                        WHEN other.state = 'deploying' THEN 'deploy'
                        WHEN other.state = 'reverting' OR tenancy.is_registered(other.change) THEN 'revert'
                        ELSE 'deploy'
                    END
                )
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END LOOP;

        IF own.state = 'reverting' THEN
            RAISE EXCEPTION '% was interrupted while it was taken back. Run %, then the same again', own.change,
                tenancy.command_for(own.change, 'revert')
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;

        IF own.state = 'standing' AND NOT own.is_repeatable AND EXISTS (
            SELECT
            FROM tenancy.changes AS c
            WHERE c.position > own.position
                AND c.state <> 'absent'
        ) THEN
            RAISE NOTICE '% stands already, and others on it: nothing to do', own.change;
            RETURN TRUE;
        END IF;
    ELSE
        -- Nothing after it stands.
        FOR other IN
            SELECT c.*
            FROM tenancy.changes AS c
            WHERE c.position > own.position
                AND c.state <> 'absent'
            ORDER BY c.position DESC
            LIMIT 1
        LOOP
            RAISE EXCEPTION '% stands in this database%. Run %, then the same again',
                other.change,
                CASE
                    WHEN other.state <> 'standing' THEN format(' half-way (it was interrupted while %s)', other.state)
                    WHEN tenancy.is_registered(other.change) IS FALSE THEN ', though Sqitch''s registry does not have it'
                    ELSE ''
                END,
                CASE
                    WHEN other.state = 'deploying' THEN
                        tenancy.command_for(other.change, 'deploy') || ' to complete it, or '
                        || tenancy.command_for(other.change, 'revert') || ' to take it back'
                    WHEN other.state = 'reverting' OR tenancy.is_registered(other.change) THEN
                        tenancy.command_for(other.change, 'revert')
                    ELSE tenancy.command_for(other.change, 'deploy')
                END
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END LOOP;

        IF own.state = 'absent' THEN
            RAISE NOTICE '% does not stand: nothing to take back', own.change;
            RETURN TRUE;
        END IF;
    END IF;

    PERFORM set_config('tenancy.begun', format('%s %s', direction, own.state), TRUE); -- for tenancy.keep_open()
    UPDATE tenancy.changes AS c
    SET
        state = CASE direction WHEN 'deploy' THEN 'standing' ELSE 'absent' END,
        standing_since = CASE direction WHEN 'deploy' THEN coalesce(c.standing_since, clock_timestamp()) END,
        open_pid = NULL,
        open_key = NULL
    WHERE c.position = own.position;

    CALL tenancy.enter_change(own.change);
    RETURN FALSE;
END;
$$;

COMMENT ON FUNCTION tenancy.begin_change(text, text, text) IS
'Begins a deploy or revert script (direction): pins the settings, waits for other scripts, checks which changes stand, enters '
'the change in tenancy.changes, and takes the owner''s role. Returns true if there is nothing to do. Refuses (55000) a script '
'that does not fit, and names the command that helps. begin.sql calls it. Example: SELECT tenancy.begin_change(''deploy'', '
'''profiles/split'')';

CREATE OR REPLACE PROCEDURE tenancy.enter_change(change text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('tenancy.change', change, TRUE);

    -- What is there before, so that the commit can tell what the script made, altered and dropped (support/parts). The row is written for
    -- the trigger that does it.
    IF to_regprocedure('tenancy.part_states()') IS NOT NULL THEN
        PERFORM set_config('tenancy.parts_before', tenancy.part_states()::text, TRUE);
        UPDATE tenancy.changes AS c SET state = c.state WHERE c.change = enter_change.change;
    END IF;

    CALL tenancy.act_as_owner(); -- last: what comes before may need the rights of who deploys
END;
$$;

COMMENT ON PROCEDURE tenancy.enter_change(text) IS
'Part of tenancy.begin_change(): names the change that the transaction belongs to. Example: CALL '
'tenancy.enter_change(''profiles/split'')';

CREATE OR REPLACE PROCEDURE tenancy.keep_open(is_begun boolean)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    direction CONSTANT text := split_part(current_setting('tenancy.begun'), ' ', 1);
    state_before CONSTANT text := split_part(current_setting('tenancy.begun'), ' ', 2);
BEGIN
    -- What stood before stands meanwhile: the script runs again, to put something back.
    UPDATE tenancy.changes AS c
    SET
        state = next.state,
        standing_since = CASE WHEN next.state = 'standing' THEN coalesce(c.standing_since, clock_timestamp()) END,
        open_pid = pg_backend_pid(),
        open_key = tenancy.take_key()
    FROM (
        SELECT
            CASE
                WHEN NOT is_begun OR (direction = 'deploy' AND state_before = 'standing') THEN state_before
                WHEN direction = 'deploy' THEN 'deploying'
                ELSE 'reverting'
            END AS state
    ) AS next
    WHERE c.change = current_setting('tenancy.change');

    CALL tenancy.pin_settings(FALSE);
    CALL tenancy.act_as_owner(FALSE);
END;
$$;

COMMENT ON PROCEDURE tenancy.keep_open(boolean) IS
'For the first transaction of a script that has several: until tenancy.close_change() or the end of the session, no other '
'script runs, and settings and role belong to the session. is_begun: whether from here on only the revert script undoes the '
'change (for a revert, the deploy script). Example: CALL tenancy.keep_open(is_begun => TRUE)';

CREATE OR REPLACE PROCEDURE tenancy.mark_begun()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE tenancy.changes AS c
    SET state = 'deploying'
    WHERE c.change = current_setting('tenancy.change')
        AND c.state = 'absent';
END;
$$;

COMMENT ON PROCEDURE tenancy.mark_begun() IS
'For a later transaction of a deploy script that called tenancy.keep_open(FALSE): from here on, only the revert script undoes '
'the change. Example: CALL tenancy.mark_begun()';

CREATE OR REPLACE PROCEDURE tenancy.close_change(direction text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The lock on tenancy.changes keeps others away until this transaction has committed.
    PERFORM pg_advisory_unlock(c.open_key)
    FROM tenancy.changes AS c
    WHERE c.change = current_setting('tenancy.change');

    UPDATE tenancy.changes AS c
    SET
        state = CASE direction WHEN 'deploy' THEN 'standing' ELSE 'absent' END,
        standing_since = CASE direction WHEN 'deploy' THEN coalesce(c.standing_since, clock_timestamp()) END,
        open_pid = NULL,
        open_key = NULL
    WHERE c.change = current_setting('tenancy.change');
END;
$$;

COMMENT ON PROCEDURE tenancy.close_change(text) IS
'For the last transaction of a script that called tenancy.keep_open(): records that the change stands (direction deploy) or is '
'gone (revert). Example: CALL tenancy.close_change(''deploy'')';

CREATE OR REPLACE FUNCTION tenancy.verify_change(change text)
RETURNS void
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    problem text;
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM tenancy.changes AS c
        WHERE c.change = verify_change.change
            AND c.state = 'standing'
    ) THEN
        RAISE EXCEPTION '% does not stand in this database: run %', change, tenancy.command_for(change, 'deploy')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    IF to_regclass('tenancy.deployed_parts') IS NULL THEN
        RETURN;
    END IF;
    SELECT tenancy.printable(string_agg(format('%s %s is %s', p.kind, p.name, p.problem), '; ' ORDER BY p.kind, p.name))
    INTO problem
    FROM tenancy.part_problems AS p
    WHERE p.change = verify_change.change
        AND (p.kind, p.problem) <> ('table', 'altered'); -- a column that the application added is no fault of the script
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.verify_change(text) IS
'Fails (55000) unless the change stands and all its parts are there, unaltered. Example: SELECT '
'tenancy.verify_change(''profiles/split'')';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

UPDATE tenancy.changes
SET
    state = 'standing',
    standing_since = clock_timestamp()
WHERE change = 'support/begin'
    AND state = 'absent';

-- squawk-ignore transaction-nesting
COMMIT;

\endif
