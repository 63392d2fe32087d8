-- Deploy convo_tenancy:expand/tenancy to pg

-- Variable: default_shop_id, the shop that owns what no booking places (1).

\if :{?default_shop_id}
\else
    \set default_shop_id 1
\endif

BEGIN;

SET LOCAL statement_timeout = '1min';

-- What is ours belongs to the owner of the legacy tables, whoever deploys.
SELECT pg_catalog.pg_get_userbyid(t.relowner) AS owner_name
FROM pg_catalog.pg_class AS t
WHERE t.oid = 'public.customers'::regclass \gset

CREATE SCHEMA IF NOT EXISTS tenancy AUTHORIZATION :"owner_name";
SET LOCAL ROLE :"owner_name";

COMMENT ON SCHEMA tenancy IS
'Support of the move from global customer statistics to per-shop profiles: settings, functions, triggers, drift.';

CREATE TABLE IF NOT EXISTS tenancy.settings (
    singleton boolean NOT NULL DEFAULT TRUE,
    default_shop_id integer NOT NULL,
    lock_timeout_ms integer NOT NULL DEFAULT 100,
    lock_attempts integer NOT NULL DEFAULT 40,
    backfill_batch_size integer NOT NULL DEFAULT 5000,
    replica_lag_limit_bytes bigint NOT NULL DEFAULT 64 * 1024 * 1024,
    legacy_quiet_period interval NOT NULL DEFAULT '1 day',
    CONSTRAINT settings_pkey PRIMARY KEY (singleton),
    CONSTRAINT settings_singleton_check CHECK (singleton),
    CONSTRAINT settings_lock_timeout_ms_check CHECK (lock_timeout_ms BETWEEN 1 AND 1000),
    CONSTRAINT settings_lock_attempts_check CHECK (lock_attempts BETWEEN 1 AND 1000),
    CONSTRAINT settings_backfill_batch_size_check CHECK (backfill_batch_size BETWEEN 1 AND 100000),
    CONSTRAINT settings_replica_lag_limit_bytes_check CHECK (replica_lag_limit_bytes > 0),
    CONSTRAINT settings_legacy_quiet_period_check CHECK (legacy_quiet_period >= '0')
);

COMMENT ON TABLE tenancy.settings IS 'The settings of the migration: one row. UPDATE it at any time.';
COMMENT ON COLUMN tenancy.settings.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.settings.default_shop_id IS
'The shop that owns what no booking places. Set by sqitch deploy --set default_shop_id=N; not to be changed once '
'profiles exist: theirs would be the rest of another shop.';
COMMENT ON COLUMN tenancy.settings.lock_timeout_ms IS
'How long one attempt at a strong lock waits, in milliseconds, and so how long writers may queue behind it. '
'At most half of deadlock_timeout is used, so that no other transaction is ended in our favour.';
COMMENT ON COLUMN tenancy.settings.lock_attempts IS
'How often a strong lock is tried, with a growing pause between, before the change is refused.';
COMMENT ON COLUMN tenancy.settings.backfill_batch_size IS 'Customers in one transaction of the backfill.';
COMMENT ON COLUMN tenancy.settings.replica_lag_limit_bytes IS
'The backfill pauses while a replica is further behind than this, in bytes of WAL.';
COMMENT ON COLUMN tenancy.settings.legacy_quiet_period IS
'How long nobody must have written to the legacy side directly before the contract (phase 3).';

INSERT INTO tenancy.settings (default_shop_id)
VALUES (:'default_shop_id')
ON CONFLICT (singleton) DO NOTHING;

CREATE OR REPLACE PROCEDURE tenancy.begin_change(in_transaction boolean DEFAULT TRUE)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_name CONSTANT text := (
        SELECT pg_get_userbyid(t.relowner)
        FROM pg_class AS t
        WHERE t.oid = 'public.customers'::regclass
    );
BEGIN
    PERFORM set_config('role', owner_name, in_transaction);
    -- What the role or the database sets for the application must not end a change half-way, or never.
    PERFORM set_config('statement_timeout', CASE WHEN in_transaction THEN '10min' ELSE '0' END, in_transaction);
    PERFORM set_config('lock_timeout', CASE WHEN in_transaction THEN '2s' ELSE '0' END, in_transaction);
    -- A client that was killed must not leave its script running.
    PERFORM set_config('client_connection_check_interval', '2s', in_transaction);
    -- Compiling a statement that runs once costs more than it saves.
    PERFORM set_config('jit', 'off', in_transaction);
END;
$$;

COMMENT ON PROCEDURE tenancy.begin_change(boolean) IS
'Opens each deploy and revert script: acts as the owner of the legacy tables and sets the timeouts, for the transaction, '
'or with in_transaction => FALSE for the session. Example: CALL tenancy.begin_change()';

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

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;
