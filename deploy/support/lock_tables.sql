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
'Who these sessions are, oldest transaction first: pid, user, application, age, state, kind of the last statement. NULL if there '
'is none.';

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
BEGIN
    BEGIN
        FOREACH missing IN ARRAY tables LOOP
            milliseconds_left := extract(EPOCH FROM ends_at - clock_timestamp()) * 1000;
            PERFORM set_config('lock_timeout', greatest(milliseconds_left, 1)::text, TRUE);
            EXECUTE format('LOCK TABLE %s IN %s MODE', missing::regclass, try_lock_tables.mode);
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
                        AND l.granted
                        AND l.pid <> pg_backend_pid()
                        AND (try_lock_tables.mode = 'ACCESS EXCLUSIVE' OR l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
                )),
                'nobody any more, or a prepared transaction (pg_prepared_xacts)'
            );
    END;
END;
$$;

COMMENT ON FUNCTION tenancy.try_lock_tables(text, text[]) IS
'One attempt at strong locks, in the given order, within half of tenancy.settings.lock_timeout_ms for all of them. missing is the '
'table that could not be locked, and then none is; NULL when all are. Example: '
'SELECT * FROM tenancy.try_lock_tables(''ACCESS EXCLUSIVE'', ''{public.customers}'')';

CREATE OR REPLACE PROCEDURE tenancy.wait_for_locks(attempt integer, missing text, holders text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lock_attempts CONSTANT integer NOT NULL := (SELECT s.lock_attempts FROM tenancy.settings AS s);
BEGIN
    IF attempt >= lock_attempts THEN
        RAISE EXCEPTION 'could not lock % within % attempts; this change left everything as it was. '
            'End or wait for, then run the same again: %', missing, lock_attempts, holders
            USING ERRCODE = 'lock_not_available';
    END IF;
    RAISE NOTICE 'waiting for % (attempt % of %), held by: %', missing, attempt, lock_attempts, holders;
    PERFORM pg_sleep(least(0.05 * attempt, 1.0) * (0.5 + random()));
END;
$$;

COMMENT ON PROCEDURE tenancy.wait_for_locks(integer, text, text) IS
'The pause after an attempt at strong locks that failed, longer with each; after the last it refuses (55P03). Example: '
'CALL tenancy.wait_for_locks(1, ''public.customers'', ''pid 42'')';

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
'Takes strong locks for DDL without stalling the application: all within one short time (tenancy.try_lock_tables), or none and '
'another attempt after a pause, at last refused (55P03) with who holds them. The first thing a transaction does: what it locked '
'before is held through the pauses. Example: CALL tenancy.lock_tables(''ACCESS EXCLUSIVE'', ''public.customers'')';

COMMIT;
