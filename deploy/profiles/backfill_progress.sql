-- Deploy convo_tenancy:profiles/backfill_progress to pg

\set ON_ERROR_STOP on
\set change profiles/backfill_progress
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.backfill_progress (
    singleton boolean NOT NULL DEFAULT TRUE,
    sweeping boolean NOT NULL DEFAULT FALSE,
    paused boolean NOT NULL DEFAULT FALSE,
    customers_estimated bigint NOT NULL DEFAULT 0,
    customers_done bigint NOT NULL DEFAULT 0,
    profiles_written bigint NOT NULL DEFAULT 0,
    started_at timestamptz,
    updated_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT backfill_progress_pkey PRIMARY KEY (singleton),
    CONSTRAINT backfill_progress_singleton_check CHECK (singleton)
);

COMMENT ON TABLE tenancy.backfill_progress IS
'How far the backfill is: one row for all sessions. Each batch writes it in its own transaction, so a crash keeps the two in '
'step.';
COMMENT ON COLUMN tenancy.backfill_progress.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.backfill_progress.sweeping IS
'Whether the first pass is over, and a later pass looks for customers that it missed or skipped.';
COMMENT ON COLUMN tenancy.backfill_progress.paused IS 'Whether tenancy.pause_backfill() stopped it: no batch starts.';
COMMENT ON COLUMN tenancy.backfill_progress.customers_estimated IS 'Customers at the start, as ANALYZE estimates.';
COMMENT ON COLUMN tenancy.backfill_progress.customers_done IS 'Customers who have their profiles.';
COMMENT ON COLUMN tenancy.backfill_progress.profiles_written IS 'Profiles written, or brought back after a revert.';
COMMENT ON COLUMN tenancy.backfill_progress.started_at IS 'When the first run began.';
COMMENT ON COLUMN tenancy.backfill_progress.updated_at IS 'When the last batch ended.';
COMMENT ON COLUMN tenancy.backfill_progress.finished_at IS 'When every customer had profiles; NULL before.';

INSERT INTO tenancy.backfill_progress (singleton)
VALUES (TRUE)
ON CONFLICT (singleton) DO NOTHING;

CREATE TABLE IF NOT EXISTS tenancy.backfill_ranges (
    first_id integer NOT NULL,
    last_id integer NOT NULL,
    next_id bigint NOT NULL,
    CONSTRAINT backfill_ranges_pkey PRIMARY KEY (first_id)
)
WITH (fillfactor = 50); -- room for the next version of each row beside it

COMMENT ON TABLE tenancy.backfill_ranges IS
'All customers by id, in adjoining ranges. A batch locks one range and moves its cursor in the same transaction, so sessions '
'share the work and a crash leaves no lock. Each pass starts all ranges again.';
COMMENT ON COLUMN tenancy.backfill_ranges.first_id IS 'The lowest id of the range.';
COMMENT ON COLUMN tenancy.backfill_ranges.last_id IS 'The highest id of the range.';
COMMENT ON COLUMN tenancy.backfill_ranges.next_id IS
'The cursor: the id where the pass goes on; above last_id when the range is done.';

CREATE TABLE IF NOT EXISTS tenancy.backfill_workers (
    pid integer NOT NULL,
    key bigint NOT NULL,
    CONSTRAINT backfill_workers_pkey PRIMARY KEY (pid)
);

COMMENT ON TABLE tenancy.backfill_workers IS
'The sessions that joined the backfill, also those that died. tenancy.backfill_sessions shows the live ones.';
COMMENT ON COLUMN tenancy.backfill_workers.pid IS 'The session.';
COMMENT ON COLUMN tenancy.backfill_workers.key IS 'A random key. While session pid holds an advisory lock on it, it works.';

CREATE OR REPLACE VIEW tenancy.backfill_sessions (pid, key)
WITH (security_invoker = TRUE)
AS
SELECT
    w.pid,
    w.key
FROM tenancy.backfill_workers AS w
JOIN tenancy.held_keys AS h
    ON h.pid = w.pid
    AND h.key = w.key;

COMMENT ON VIEW tenancy.backfill_sessions IS
'The sessions that work on the backfill now. Example: SELECT pid FROM tenancy.backfill_sessions';
COMMENT ON COLUMN tenancy.backfill_sessions.pid IS 'The session.';
COMMENT ON COLUMN tenancy.backfill_sessions.key IS 'The key of the advisory lock that it holds.';

CREATE OR REPLACE FUNCTION tenancy.join_backfill()
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    others CONSTANT text := tenancy.describe_sessions(ARRAY(
        SELECT s.pid
        FROM tenancy.backfill_sessions AS s
        WHERE s.pid <> pg_backend_pid()
    ));
BEGIN
    IF others IS NOT NULL THEN
        RAISE NOTICE 'a backfill is running, and this session shares its work: %', others;
    END IF;

    DELETE FROM tenancy.backfill_workers AS w
    WHERE NOT EXISTS (
        SELECT
        FROM tenancy.backfill_sessions AS s
        WHERE s.pid = w.pid
    );
    INSERT INTO tenancy.backfill_workers (pid, key)
    SELECT
        pg_backend_pid(),
        tenancy.take_key()
    WHERE NOT EXISTS (SELECT FROM tenancy.backfill_workers AS w WHERE w.pid = pg_backend_pid());
END;
$$;

COMMENT ON FUNCTION tenancy.join_backfill() IS
'Enters this session in the backfill, until tenancy.leave_backfill() or its end. Example: SELECT tenancy.join_backfill()';

CREATE OR REPLACE FUNCTION tenancy.leave_backfill()
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_unlock(s.key)
    FROM tenancy.backfill_sessions AS s
    WHERE s.pid = pg_backend_pid();
    DELETE FROM tenancy.backfill_workers AS w WHERE w.pid = pg_backend_pid();
END;
$$;

COMMENT ON FUNCTION tenancy.leave_backfill() IS 'Removes this session from the backfill. Example: SELECT tenancy.leave_backfill()';

CREATE OR REPLACE FUNCTION tenancy.pause_backfill()
RETURNS void
LANGUAGE sql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE tenancy.backfill_progress SET paused = TRUE WHERE NOT paused;
END;

COMMENT ON FUNCTION tenancy.pause_backfill() IS
'Pauses the backfill from any session: all workers stop after their current batch, until tenancy.resume_backfill().';

CREATE OR REPLACE FUNCTION tenancy.resume_backfill()
RETURNS void
LANGUAGE sql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE tenancy.backfill_progress SET paused = FALSE WHERE paused;
END;

COMMENT ON FUNCTION tenancy.resume_backfill() IS 'Lets a paused backfill go on, from any session.';

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
'Why no batch may start now: the backfill is paused, or a replica lags. NULL if one may.';

COMMIT;
