-- Deploy convo_tenancy:support/lock_tables to pg

\set ON_ERROR_STOP on
\set change support/lock_tables
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.describe_sessions(pids integer[])
RETURNS text
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_stat_clear_snapshot(); -- else a transaction sees the sessions of its first look
    RETURN (
        SELECT string_agg(
            format(
                'pid %s, user %s, application %s, in transaction for %s s (%s), statement: %s',
                a.pid,
                tenancy.printable(coalesce(a.usename, a.backend_type)),
                tenancy.printable(coalesce(nullif(a.application_name, ''), '(none)')),
                coalesce(round(extract(EPOCH FROM clock_timestamp() - a.xact_start))::text, '?'),
                coalesce(a.state, '?'),
                -- Its kind alone: the rest has values, and a typing error at a prompt is no statement at all.
                coalesce(
                    upper(
                        substring(
                            a.query COLLATE pg_catalog."C" -- else INSERT is none in a Turkish locale
                            FROM '(?i)^(?:\s|\(|/\*.*\*/|--[^\n]*\n)*'
                            '(select|with|table|values|insert|update|delete|merge|copy|declare|fetch|execute|call|do|lock|truncate|'
                            'begin|start|savepoint|release|rollback|commit|set|show|explain|analyze|vacuum|reindex|cluster|refresh|'
                            'create|alter|drop|comment|grant|revoke|autovacuum)\M'
                        )
                    ),
                    'other'
                )
            ),
            '; ' ORDER BY a.xact_start
        )
        FROM pg_stat_activity AS a
        WHERE a.pid = ANY (pids)
    );
END;
$$;

COMMENT ON FUNCTION tenancy.describe_sessions(integer[]) IS
'Describes these sessions, oldest transaction first: pid, user, application, age, state, kind of the last statement. NULL if '
'none is there.';

CREATE OR REPLACE FUNCTION tenancy.try_lock_tables(mode text, tables text[], OUT missing text, OUT holders text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Below deadlock_timeout it is always this transaction that gives way, never one of the application's.
    budget CONSTANT integer NOT NULL := greatest(
        least(
            (SELECT s.lock_timeout_ms FROM tenancy.settings AS s),
            (SELECT s.setting::integer / 2 FROM pg_settings AS s WHERE s.name = 'deadlock_timeout')
        ),
        1
    );
    -- Half of it, and for all tables together: who writes to the first waits while the last is waited for, and then for the work.
    ends_at CONSTANT timestamptz NOT NULL := clock_timestamp() + budget * interval '0.5 milliseconds';
    milliseconds_left integer;
    wanted text;
    wanted_mode text;
BEGIN
    BEGIN
        FOREACH wanted IN ARRAY tables LOOP
            missing := split_part(wanted, ' IN ', 1);
            wanted_mode := coalesce(substring(wanted FROM ' IN (.+) MODE$'), mode);
            milliseconds_left := extract(EPOCH FROM ends_at - clock_timestamp()) * 1000;
            PERFORM set_config('lock_timeout', greatest(milliseconds_left, 1)::text, TRUE);
            EXECUTE format('LOCK TABLE %s IN %s MODE', missing::regclass, wanted_mode);
        END LOOP;
        PERFORM set_config('lock_timeout', budget::text, TRUE);
        missing := NULL;
    EXCEPTION
        WHEN lock_not_available THEN -- the subtransaction gave back what it had locked
            holders := coalesce(
                tenancy.describe_sessions(ARRAY(
                    SELECT DISTINCT l.pid
                    FROM pg_locks AS l
                    WHERE l.locktype = 'relation'
                        AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                        AND l.relation = missing::regclass
                        AND l.pid <> pg_backend_pid()
                        -- Who waits for one of these is in the way as well.
                        AND array_position(
                            '{AccessShareLock,RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,'
                            'ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'::text[], l.mode
                        ) >= CASE wanted_mode -- the weakest that conflicts with it
                            WHEN 'ACCESS SHARE' THEN 8
                            WHEN 'ROW SHARE' THEN 7
                            WHEN 'ROW EXCLUSIVE' THEN 5
                            WHEN 'SHARE UPDATE EXCLUSIVE' THEN 4
                            WHEN 'SHARE' THEN 3
                            WHEN 'SHARE ROW EXCLUSIVE' THEN 3
                            WHEN 'EXCLUSIVE' THEN 2
                            ELSE 1
                        END
                )),
                'nobody any more, or a prepared transaction (pg_prepared_xacts)'
            );
    END;
END;
$$;

COMMENT ON FUNCTION tenancy.try_lock_tables(text, text[]) IS
'Tries once to lock these tables, in this order, within half of tenancy.settings.lock_timeout_ms for all. A table may name its '
'own mode. Returns in missing the table that it could not lock, and then keeps no lock; NULL when it locked all. Example: '
'SELECT * FROM tenancy.try_lock_tables(''ACCESS EXCLUSIVE'', ''{public.customers,public.shops IN ACCESS SHARE MODE}'')';

CREATE OR REPLACE PROCEDURE tenancy.wait_for_locks(attempt integer, missing text, holders text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lock_attempts CONSTANT integer NOT NULL := (SELECT s.lock_attempts FROM tenancy.settings AS s);
BEGIN
    IF attempt >= lock_attempts THEN
        RAISE EXCEPTION 'could not lock % within % attempts; nothing is half done. '
            'Wait for these or end them, then run the same again: %', missing, lock_attempts, holders
            USING ERRCODE = 'lock_not_available';
    END IF;
    RAISE NOTICE 'waiting for % (attempt % of %), held by: %', missing, attempt, lock_attempts, holders;
    PERFORM pg_sleep(least(0.05 * attempt, 1.0) * (0.5 + random()));
END;
$$;

COMMENT ON PROCEDURE tenancy.wait_for_locks(integer, text, text) IS
'Pauses after a failed attempt at strong locks, longer each time; fails (55P03) after the last attempt. Example: CALL '
'tenancy.wait_for_locks(1, ''public.customers'', ''pid 42'')';

CREATE OR REPLACE PROCEDURE tenancy.lock_tables(mode text, VARIADIC tables text[])
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attempt integer NOT NULL := 0;
    tried record;
BEGIN
    LOOP
        attempt := attempt + 1;
        tried := tenancy.try_lock_tables(mode, tables);
        EXIT WHEN tried.missing IS NULL;
        CALL tenancy.wait_for_locks(attempt, tried.missing, tried.holders);
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.lock_tables(text, text[]) IS
'Takes strong locks for DDL without stalling the application: all within a short time (tenancy.try_lock_tables), or none, and '
'tries again after a pause. After the last attempt it fails (55P03) and names the holders. Call it first in a transaction: '
'earlier locks are held through the pauses. Example: CALL tenancy.lock_tables(''ACCESS EXCLUSIVE'', ''public.customers'')';

CREATE OR REPLACE PROCEDURE tenancy.lock_to_read()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lock_timeout_before CONSTANT text NOT NULL := current_setting('lock_timeout');
    tables CONSTANT text[] NOT NULL := ARRAY(
        SELECT t.oid::regclass::text
        FROM pg_class AS t
        JOIN pg_class AS customers
            ON customers.oid = 'public.customers'::regclass
            AND customers.relowner = t.relowner -- not what somebody else put in the place of a table that went
        WHERE t.relnamespace = 'public'::regnamespace
            AND t.relkind = 'r'
            AND t.relname IN (
                'bookings', 'customers', 'customer_booking_stats', 'customer_service_preferences', 'customer_shop_profiles',
                'customer_stylist_preferences', 'services', 'shops', 'stylists'
            )
        ORDER BY t.relname
    );
BEGIN
    CALL tenancy.lock_tables('ACCESS SHARE', VARIADIC tables);
    PERFORM set_config('lock_timeout', lock_timeout_before, TRUE); -- for the locks on rows, which stop fewer
END;
$$;

COMMENT ON PROCEDURE tenancy.lock_to_read() IS
'Locks the application''s tables for reading, so that no later statement waits for one. If a starting application alters them, '
'it retries and gives up as tenancy.lock_tables() does. Example: CALL tenancy.lock_to_read()';

CREATE OR REPLACE PROCEDURE tenancy.validate_constraint(table_name text, constraint_name text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referenced CONSTANT text := (
        SELECT c.confrelid::regclass || ' IN ROW SHARE MODE'
        FROM pg_constraint AS c
        WHERE c.conrelid = table_name::regclass
            AND c.conname = constraint_name
            AND c.contype = 'f'
    );
    tables CONSTANT text[] NOT NULL := array_remove(ARRAY[referenced, table_name], NULL);
BEGIN
    CALL tenancy.lock_tables('SHARE UPDATE EXCLUSIVE', VARIADIC tables);
    EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', table_name::regclass, constraint_name);
END;
$$;

COMMENT ON PROCEDURE tenancy.validate_constraint(text, text) IS
'Validates a constraint while others read and write. Takes its locks by tenancy.lock_tables(). Example: CALL '
'tenancy.validate_constraint(''public.customer_shop_profiles'', ''customer_shop_profiles_check'')';

COMMIT;
