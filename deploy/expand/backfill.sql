-- Deploy convo_tenancy:expand/backfill to pg

BEGIN;

CALL tenancy.begin_change();

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

INSERT INTO tenancy.backfill_progress (singleton)
VALUES (TRUE)
ON CONFLICT (singleton) DO NOTHING;

CREATE OR REPLACE FUNCTION tenancy.backfill_lock_key()
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN 7236846203480261; -- any number that nobody else uses

COMMENT ON FUNCTION tenancy.backfill_lock_key() IS
'The session-level advisory lock that keeps the backfill from running twice at a time. '
'Example: SELECT pg_try_advisory_lock(tenancy.backfill_lock_key())';

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
            coalesce(nullif(r.application_name, ''), r.pid::text),
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

CREATE OR REPLACE FUNCTION tenancy.prepare_backfill()
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The legacy tables may never have been analyzed. A table that something else works on is left out:
    -- whoever it is (autovacuum, as a rule) leaves statistics, too.
    ANALYZE (SKIP_LOCKED)
        public.customers (id, phone),
        public.bookings (customer_phone, customer_email),
        public.customer_booking_stats (customer_id),
        public.customer_stylist_preferences (customer_id),
        public.stylists,
        public.services;

    IF EXISTS (SELECT FROM pg_stat_replication AS r WHERE r.state IS NULL) THEN
        RAISE NOTICE 'role % may not see how far replicas are behind, so the backfill will not wait for them: '
            'GRANT pg_read_all_stats TO %', current_user, quote_ident(current_user);
    END IF;

    -- Profiles that a revert put aside and this deploy took back. Those that went stale meanwhile are made
    -- anew, unless somebody but the backfill wrote them: that, the legacy side cannot give again.
    IF (SELECT b.started_at IS NULL FROM tenancy.backfill_progress AS b)
        AND EXISTS (SELECT FROM public.customer_shop_profiles)
    THEN
        DELETE FROM public.customer_shop_profiles AS p
        WHERE p.customer_id IN (SELECT d.customer_id FROM tenancy.drift AS d)
            AND NOT EXISTS (
                SELECT
                FROM public.customer_shop_profiles AS written
                WHERE written.customer_id = p.customer_id
                    AND written.updated_at <> written.created_at
            );

        UPDATE tenancy.backfill_progress AS b
        SET (customers_done, profiles_written) = (
            SELECT
                count(DISTINCT p.customer_id),
                count(*)
            FROM public.customer_shop_profiles AS p
        );
    END IF;

    UPDATE tenancy.backfill_progress AS b
    SET
        customers_estimated = greatest((
            SELECT t.reltuples
            FROM pg_class AS t
            WHERE t.oid = 'public.customers'::regclass
        ), 0),
        started_at = coalesce(b.started_at, clock_timestamp()),
        updated_at = clock_timestamp(),
        finished_at = NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.prepare_backfill() IS
'Begins or resumes the backfill: statistics for the planner, an estimate of the work. After a finished backfill it has the '
'next steps look for customers who came since.';

CREATE OR REPLACE FUNCTION tenancy.backfill_step(
    batch_size integer,
    OUT state text,
    OUT detail text,
    OUT customers integer,
    OUT profiles integer
)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' -- it never waits for long while it holds locks
-- The next customers by index, whatever the statistics say of a table that grows.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    progress tenancy.backfill_progress;
    wanted integer[];
    locked integer[];
    end_reached boolean;
BEGIN
    IF batch_size IS NULL OR batch_size NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'batch_size is %, expected 1 to 100000', coalesce(batch_size::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    state := 'waiting';
    customers := 0;
    profiles := 0;

    detail := tenancy.backfill_hold();
    IF detail IS NOT NULL THEN
        RETURN;
    END IF;

    SELECT b.*
    INTO STRICT progress
    FROM tenancy.backfill_progress AS b;

    -- A crash may take back the last batches, and their cursor with them: no need to wait for the disk.
    PERFORM set_config('synchronous_commit', 'off', TRUE);

    BEGIN
        wanted := ARRAY(
            SELECT c.id
            FROM public.customers AS c
            WHERE c.id > coalesce(progress.last_customer_id, -2147483649) -- below every integer
                AND NOT EXISTS (
                    SELECT
                    FROM public.customer_shop_profiles AS p
                    WHERE p.customer_id = c.id
                )
            ORDER BY c.id
            LIMIT batch_size
        );
        end_reached := cardinality(wanted) < batch_size;

        -- A customer whose deletion is under way is passed over, not waited for: the transaction that
        -- deletes may come to want what this batch holds. The sweep comes back to them.
        locked := ARRAY(
            SELECT c.id
            FROM public.customers AS c
            WHERE c.id = ANY (wanted)
            ORDER BY c.id
            FOR KEY SHARE SKIP LOCKED
        );

        -- A new statement, and so a new snapshot: it sees what those who had the locks committed.
        profiles := tenancy.fill_profiles(locked);

        customers := cardinality(locked);
        state := CASE
            WHEN NOT (end_reached AND progress.sweeping) THEN 'working'
            WHEN customers < cardinality(wanted) THEN 'waiting'
            ELSE 'finished'
        END;

        UPDATE tenancy.backfill_progress AS b
        SET
            last_customer_id = CASE WHEN NOT end_reached THEN wanted[cardinality(wanted)] END,
            sweeping = b.sweeping OR end_reached,
            customers_done = b.customers_done + customers,
            profiles_written = b.profiles_written + profiles,
            updated_at = clock_timestamp(),
            finished_at = CASE WHEN state = 'finished' THEN clock_timestamp() END;
    EXCEPTION
        WHEN lock_not_available OR unique_violation OR foreign_key_violation THEN
            state := 'waiting';
            detail := format('customers from %s on: %s', coalesce(wanted[1]::text, 'the next'), sqlerrm);
            customers := 0;
            profiles := 0;
            RETURN;
    END;

    IF state = 'waiting' THEN
        detail := format(
            '%s customers are being deleted by: %s',
            cardinality(wanted) - customers,
            coalesce(
                tenancy.describe_sessions(ARRAY(
                    SELECT l.pid
                    FROM public.customers AS c
                    JOIN pg_locks AS l
                        ON l.locktype = 'transactionid'
                        AND l.transactionid = c.xmax
                        AND l.granted
                    WHERE c.id = ANY (wanted)
                        AND c.id <> ALL (locked)
                )),
                'nobody any more'
            )
        );
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.backfill_step(integer) IS
'One batch of the backfill, with its cursor in the same transaction: the next customers without any profile get theirs. state is '
'working (call again), waiting (call again after a pause; detail says for what) or finished. Never waits for more than a moment. '
'Hold tenancy.backfill_lock_key() and call tenancy.prepare_backfill() first. Example: SELECT * FROM tenancy.backfill_step(2000)';

CREATE OR REPLACE FUNCTION tenancy.backfill_estimate(
    OUT customers bigint,
    OUT profiles bigint,
    OUT disk_bytes bigint,
    OUT wal_bytes bigint
)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Measured by bench/ at 100,000 customers: table with its four indexes, and WAL with the locks on customers.
    disk_bytes_per_profile CONSTANT integer := 190;
    wal_bytes_per_profile CONSTANT integer := 480;
    all_customers bigint;
    sample integer[];
    sample_to_do integer[];
BEGIN
    ANALYZE (SKIP_LOCKED) public.customers (id);

    all_customers := (
        SELECT greatest(t.reltuples, 0)
        FROM pg_class AS t
        WHERE t.oid = 'public.customers'::regclass
    );

    -- About 2,000 customers, by whole pages spread over the table.
    sample := ARRAY(
        SELECT c.id
        FROM public.customers AS c TABLESAMPLE SYSTEM (least(100, 200000.0 / greatest(all_customers, 1))) REPEATABLE (1)
    );
    sample_to_do := ARRAY(
        SELECT t.id
        FROM unnest(sample) AS t (id)
        WHERE NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = t.id
        )
    );

    customers := all_customers * cardinality(sample_to_do) / greatest(cardinality(sample), 1);
    profiles := all_customers * (SELECT count(*) FROM tenancy.split(sample_to_do)) / greatest(cardinality(sample), 1);
    disk_bytes := profiles * disk_bytes_per_profile;
    wal_bytes := profiles * wal_bytes_per_profile;
END;
$$;

COMMENT ON FUNCTION tenancy.backfill_estimate() IS
'What the backfill has still to do, from a sample of about 2,000 customers: customers, profiles, bytes of disk and of WAL. '
'Example: SELECT * FROM tenancy.backfill_estimate()';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.run_backfill(batch_size integer DEFAULT NULL)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    step record;
    reported_detail text;
BEGIN
    batch_size := coalesce(batch_size, (SELECT s.backfill_batch_size FROM tenancy.settings AS s));

    WHILE NOT pg_catalog.pg_try_advisory_lock(tenancy.backfill_lock_key()) LOOP
        IF reported_detail IS NULL THEN
            reported_detail := 'another backfill is running';
            RAISE NOTICE 'backfill waits: %', reported_detail;
        END IF;
        PERFORM pg_catalog.pg_sleep(0.2);
        COMMIT;
    END LOOP;

    PERFORM tenancy.prepare_backfill();
    COMMIT;

    LOOP
        SELECT s.* INTO STRICT step FROM tenancy.backfill_step(batch_size) AS s;
        COMMIT; -- the batch, and its cursor with it
        EXIT WHEN step.state = 'finished';

        IF step.detail IS DISTINCT FROM reported_detail THEN
            reported_detail := step.detail;
            RAISE NOTICE 'backfill %', coalesce('waits: ' || step.detail, 'goes on');
        END IF;
        IF step.state = 'waiting' THEN
            PERFORM pg_catalog.pg_sleep(0.2);
        END IF;
    END LOOP;

    ANALYZE public.customer_shop_profiles;
    PERFORM pg_catalog.pg_advisory_unlock(tenancy.backfill_lock_key());
END;
$$;

COMMENT ON PROCEDURE tenancy.run_backfill(integer) IS
'The whole backfill, in batches that it commits: waits for a running one, resumes one that was interrupted, ends when every '
'customer has profiles. SELECT * FROM tenancy.backfill_progress in another session shows how far it is. Outside a transaction '
'only. Example: CALL tenancy.run_backfill()';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;
