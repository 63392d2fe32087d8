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
                'pid %s, user %s, application %s, in transaction for %s s (%s), query: %s',
                a.pid,
                coalesce(a.usename, a.backend_type),
                coalesce(nullif(a.application_name, ''), '(none)'),
                coalesce(round(extract(EPOCH FROM clock_timestamp() - a.xact_start))::text, '?'),
                coalesce(a.state, '?'),
                coalesce(nullif(left(regexp_replace(a.query, '\s+', ' ', 'g'), 200), ''), '(none)')
            ),
            '; ' ORDER BY a.xact_start
        )
        FROM pg_stat_activity AS a
        WHERE a.pid = ANY (pids)
    );
END;
$$;

COMMENT ON FUNCTION tenancy.describe_sessions(integer[]) IS
'Who these sessions are, oldest transaction first: pid, user, application, age, state, query. NULL if there is none.';

CREATE OR REPLACE PROCEDURE tenancy.lock_tables(mode text, VARIADIC tables text[])
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings CONSTANT tenancy.settings NOT NULL := (SELECT s FROM tenancy.settings AS s);
    deadlock_timeout_ms CONSTANT integer NOT NULL := (
        SELECT s.setting::integer
        FROM pg_settings AS s
        WHERE s.name = 'deadlock_timeout'
    );
    table_name text;
    holders text;
BEGIN
    -- Below deadlock_timeout it is always this transaction that gives way, never one of the application's.
    PERFORM set_config(
        'lock_timeout',
        greatest(least(settings.lock_timeout_ms, deadlock_timeout_ms / 2), 1)::text,
        TRUE
    );

    FOR attempt IN 1 .. settings.lock_attempts LOOP
        BEGIN
            FOREACH table_name IN ARRAY tables LOOP
                EXECUTE format('LOCK TABLE %s IN %s MODE', table_name::regclass, lock_tables.mode);
            END LOOP;
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                NULL; -- the subtransaction gave back what it had locked
        END;

        holders := coalesce(
            tenancy.describe_sessions(ARRAY(
                SELECT DISTINCT l.pid
                FROM pg_locks AS l
                WHERE l.locktype = 'relation'
                    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                    AND l.relation = table_name::regclass
                    AND l.granted
                    AND l.pid <> pg_backend_pid()
                    AND (lock_tables.mode = 'ACCESS EXCLUSIVE' OR l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
            )),
            'nobody any more, or a prepared transaction (pg_prepared_xacts)'
        );
        EXIT WHEN attempt = settings.lock_attempts;

        RAISE NOTICE 'waiting for % (attempt % of %), held by: %',
            table_name, attempt, settings.lock_attempts, holders;
        PERFORM pg_sleep(least(0.05 * attempt, 1.0) * (0.5 + random()));
    END LOOP;

    RAISE EXCEPTION 'could not lock % within % attempts; this change left everything as it was. '
        'End or wait for, then run the same again: %',
        table_name, settings.lock_attempts, holders
        USING ERRCODE = 'lock_not_available';
END;
$$;

COMMENT ON PROCEDURE tenancy.lock_tables(text, text[]) IS
'Takes strong locks for DDL without stalling the application: in the given order, each attempt under lock_timeout, all given '
'back before a pause and another attempt, at last refused (55P03) with who holds them. The first thing a transaction does: what '
'it locked before is held through the pauses. Example: CALL tenancy.lock_tables(''ACCESS EXCLUSIVE'', ''public.customers'')';

COMMIT;
