-- Deploy convo_tenancy:profiles/backfill_progress to pg

\set ON_ERROR_STOP on
\set change profiles/backfill_progress
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.backfill_progress (
    singleton boolean NOT NULL DEFAULT TRUE,
    last_customer_id integer,
    sweeping boolean NOT NULL DEFAULT FALSE,
    paused boolean NOT NULL DEFAULT FALSE,
    customers_estimated bigint NOT NULL DEFAULT 0,
    customers_done bigint NOT NULL DEFAULT 0,
    profiles_written bigint NOT NULL DEFAULT 0,
    started_at timestamptz,
    updated_at timestamptz,
    finished_at timestamptz,
    runner_pid integer,
    runner_key bigint,
    CONSTRAINT backfill_progress_pkey PRIMARY KEY (singleton),
    CONSTRAINT backfill_progress_singleton_check CHECK (singleton)
);

COMMENT ON TABLE tenancy.backfill_progress IS
'Where the backfill stands: one row, written in the transaction of each batch, so that a crash loses neither.';
COMMENT ON COLUMN tenancy.backfill_progress.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.backfill_progress.last_customer_id IS
'The cursor: the pass goes on after this customer; NULL at its beginning.';
COMMENT ON COLUMN tenancy.backfill_progress.sweeping IS
'The first pass is over; another one looks for customers that it could not see or who were locked.';
COMMENT ON COLUMN tenancy.backfill_progress.paused IS 'Set by tenancy.pause_backfill(): no batch starts.';
COMMENT ON COLUMN tenancy.backfill_progress.customers_estimated IS 'Customers there were at the start, as ANALYZE counts.';
COMMENT ON COLUMN tenancy.backfill_progress.customers_done IS 'Customers who have their profiles.';
COMMENT ON COLUMN tenancy.backfill_progress.profiles_written IS 'Profiles written, or taken back after a revert.';
COMMENT ON COLUMN tenancy.backfill_progress.started_at IS 'When the first run began.';
COMMENT ON COLUMN tenancy.backfill_progress.updated_at IS 'When the last batch ended.';
COMMENT ON COLUMN tenancy.backfill_progress.finished_at IS 'When every customer had profiles; NULL until then.';
COMMENT ON COLUMN tenancy.backfill_progress.runner_pid IS 'The session that runs it, or ran it last.';
COMMENT ON COLUMN tenancy.backfill_progress.runner_key IS
'The random key of an advisory lock that this session holds: while it does, it runs.';

INSERT INTO tenancy.backfill_progress (singleton)
VALUES (TRUE)
ON CONFLICT (singleton) DO NOTHING;

CREATE OR REPLACE FUNCTION tenancy.backfill_runner()
RETURNS integer
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT b.runner_pid
        FROM tenancy.backfill_progress AS b
        JOIN tenancy.held_keys AS h
            ON h.pid = b.runner_pid
            AND h.key = b.runner_key
    );
END;
$$;

COMMENT ON FUNCTION tenancy.backfill_runner() IS
'The pid of the session that runs the backfill now; NULL if none does. Example: SELECT tenancy.backfill_runner()';

CREATE OR REPLACE FUNCTION tenancy.claim_backfill()
RETURNS boolean
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- First without a lock: a batch holds the row while it lasts.
    IF tenancy.backfill_runner() IS NULL THEN
        PERFORM FROM tenancy.backfill_progress AS b FOR UPDATE;
    END IF;
    IF tenancy.backfill_runner() IS NULL THEN
        UPDATE tenancy.backfill_progress AS b
        SET
            runner_pid = pg_backend_pid(),
            runner_key = tenancy.take_key();
    END IF;
    RETURN coalesce(tenancy.backfill_runner() = pg_backend_pid(), TRUE); -- NULL: the row is gone, which what follows tells
END;
$$;

COMMENT ON FUNCTION tenancy.claim_backfill() IS
'Makes this session the one that runs the backfill, until tenancy.release_backfill() or its own end. False if another one runs it. '
'Example: SELECT tenancy.claim_backfill()';

CREATE OR REPLACE FUNCTION tenancy.release_backfill()
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_unlock(b.runner_key)
    FROM tenancy.backfill_progress AS b
    WHERE tenancy.backfill_runner() = pg_backend_pid();
END;
$$;

COMMENT ON FUNCTION tenancy.release_backfill() IS
'This session does not run the backfill any more. Example: SELECT tenancy.release_backfill()';

CREATE OR REPLACE FUNCTION tenancy.pause_backfill()
RETURNS void
LANGUAGE sql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE tenancy.backfill_progress SET paused = TRUE WHERE NOT paused;
END;

COMMENT ON FUNCTION tenancy.pause_backfill() IS
'From any session: the backfill stops after the batch at hand, until tenancy.resume_backfill().';

CREATE OR REPLACE FUNCTION tenancy.resume_backfill()
RETURNS void
LANGUAGE sql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE tenancy.backfill_progress SET paused = FALSE WHERE paused;
END;

COMMENT ON FUNCTION tenancy.resume_backfill() IS 'From any session: the paused backfill goes on.';

CREATE OR REPLACE FUNCTION tenancy.backfill_hold()
RETURNS text
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (SELECT b.paused FROM tenancy.backfill_progress AS b) THEN
        RETURN 'paused; SELECT tenancy.resume_backfill() or "convo-tenancy backfill resume" lets it go on';
    END IF;

    PERFORM pg_stat_clear_snapshot(); -- else a transaction sees the replicas of its first look
    RETURN (
        SELECT format(
            'replica %s is %s behind, more than replica_lag_limit_bytes',
            coalesce(nullif(tenancy.printable(r.application_name), ''), r.pid::text),
            pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn))
        )
        FROM pg_stat_replication AS r
        CROSS JOIN tenancy.settings AS s
        WHERE pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn) > s.replica_lag_limit_bytes
        ORDER BY r.replay_lsn
        LIMIT 1
    );
END;
$$;

COMMENT ON FUNCTION tenancy.backfill_hold() IS
'Why the backfill should not start a batch now: paused, or a replica lags. NULL when it may go on.';

COMMIT;
