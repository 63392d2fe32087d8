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
'Where the backfill stands: one row for all who work on it, written in the transaction of each batch, so that a crash loses '
'neither.';
COMMENT ON COLUMN tenancy.backfill_progress.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.backfill_progress.sweeping IS
'The first pass is over; another one looks for customers that it could not see or who were locked.';
COMMENT ON COLUMN tenancy.backfill_progress.paused IS 'Set by tenancy.pause_backfill(): no batch starts.';
COMMENT ON COLUMN tenancy.backfill_progress.customers_estimated IS 'Customers there were at the start, as ANALYZE counts.';
COMMENT ON COLUMN tenancy.backfill_progress.customers_done IS 'Customers who have their profiles.';
COMMENT ON COLUMN tenancy.backfill_progress.profiles_written IS 'Profiles written, or taken back after a revert.';
COMMENT ON COLUMN tenancy.backfill_progress.started_at IS 'When the first run began.';
COMMENT ON COLUMN tenancy.backfill_progress.updated_at IS 'When the last batch ended.';
COMMENT ON COLUMN tenancy.backfill_progress.finished_at IS 'When every customer had profiles; NULL until then.';

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
'All customers by id, in ranges that have no gap between them. A batch locks one, and moves its cursor in the same transaction: so '
'several sessions share them, and whoever dies leaves nothing behind. At the end of a pass all of them begin anew.';
COMMENT ON COLUMN tenancy.backfill_ranges.first_id IS 'The lowest id of the range.';
COMMENT ON COLUMN tenancy.backfill_ranges.last_id IS 'The highest id of the range.';
COMMENT ON COLUMN tenancy.backfill_ranges.next_id IS
'The cursor: the pass goes on with this id; above last_id when it is through the range.';

CREATE TABLE IF NOT EXISTS tenancy.backfill_workers (
    pid integer NOT NULL,
    key bigint NOT NULL,
    CONSTRAINT backfill_workers_pkey PRIMARY KEY (pid)
);

COMMENT ON TABLE tenancy.backfill_workers IS
'The sessions that work on the backfill, or did when they died: tenancy.backfill_sessions has the living.';
COMMENT ON COLUMN tenancy.backfill_workers.pid IS 'The session.';
COMMENT ON COLUMN tenancy.backfill_workers.key IS
'The random key of an advisory lock that the session holds: while it does, it works.';

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
COMMENT ON COLUMN tenancy.backfill_sessions.key IS 'The key that it holds.';

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
'Enters this session as one of those that work on the backfill, until tenancy.leave_backfill() or its own end. '
'Example: SELECT tenancy.join_backfill()';

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

COMMENT ON FUNCTION tenancy.leave_backfill() IS
'This session does not work on the backfill any more. Example: SELECT tenancy.leave_backfill()';

CREATE OR REPLACE FUNCTION tenancy.pause_backfill()
RETURNS void
LANGUAGE sql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE tenancy.backfill_progress SET paused = TRUE WHERE NOT paused;
END;

COMMENT ON FUNCTION tenancy.pause_backfill() IS
'From any session: everybody stops after the batch at hand, until tenancy.resume_backfill().';

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
