CREATE SCHEMA public;
ALTER SCHEMA public OWNER TO pg_database_owner;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE SCHEMA tenancy;
ALTER SCHEMA tenancy OWNER TO postgres;
COMMENT ON SCHEMA tenancy IS 'Support of the move from global customer statistics to per-shop profiles: settings, functions, triggers, drift.';
CREATE TYPE public.appointmentstatus AS ENUM (
    'SCHEDULED',
    'IN_PROGRESS',
    'RUNNING_LATE',
    'COMPLETED',
    'NO_SHOW'
);
ALTER TYPE public.appointmentstatus OWNER TO postgres;
CREATE TYPE public.bookingstatus AS ENUM (
    'HOLD',
    'CONFIRMED',
    'EXPIRED'
);
ALTER TYPE public.bookingstatus OWNER TO postgres;
CREATE TYPE tenancy.statistics AS (
	customer_id integer,
	total_bookings integer,
	total_spend_cents integer,
	last_booking_at timestamp with time zone
);
ALTER TYPE tenancy.statistics OWNER TO postgres;
COMMENT ON TYPE tenancy.statistics IS 'A customer''s totals, as customer_booking_stats has them.';
COMMENT ON COLUMN tenancy.statistics.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.statistics.total_bookings IS 'Bookings counted.';
COMMENT ON COLUMN tenancy.statistics.total_spend_cents IS 'List price of their primary services, in cents.';
COMMENT ON COLUMN tenancy.statistics.last_booking_at IS 'Start of the booking that was counted last.';
CREATE FUNCTION tenancy.backfill_estimate(OUT customers bigint, OUT profiles bigint, OUT disk_bytes bigint, OUT wal_bytes bigint) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION tenancy.backfill_estimate(OUT customers bigint, OUT profiles bigint, OUT disk_bytes bigint, OUT wal_bytes bigint) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.backfill_estimate(OUT customers bigint, OUT profiles bigint, OUT disk_bytes bigint, OUT wal_bytes bigint) IS 'What the backfill has still to do, from a sample of about 2,000 customers: customers, profiles, bytes of disk and of WAL. Example: SELECT * FROM tenancy.backfill_estimate()';
CREATE FUNCTION tenancy.backfill_hold() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION tenancy.backfill_hold() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.backfill_hold() IS 'Why the backfill should not start a batch now: paused, or a replica lags. NULL when it may go on.';
CREATE FUNCTION tenancy.backfill_lock_key() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '7236846203480261'::bigint;
ALTER FUNCTION tenancy.backfill_lock_key() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.backfill_lock_key() IS 'The session-level advisory lock that keeps the backfill from running twice at a time. Example: SELECT pg_try_advisory_lock(tenancy.backfill_lock_key())';
CREATE FUNCTION tenancy.backfill_step(batch_size integer, OUT state text, OUT detail text, OUT customers integer, OUT profiles integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
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
ALTER FUNCTION tenancy.backfill_step(batch_size integer, OUT state text, OUT detail text, OUT customers integer, OUT profiles integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.backfill_step(batch_size integer, OUT state text, OUT detail text, OUT customers integer, OUT profiles integer) IS 'One batch of the backfill, with its cursor in the same transaction: the next customers without any profile get theirs. state is working (call again), waiting (call again after a pause; detail says for what) or finished. Never waits for more than a moment. Hold tenancy.backfill_lock_key() and call tenancy.prepare_backfill() first. Example: SELECT * FROM tenancy.backfill_step(2000)';
CREATE PROCEDURE tenancy.begin_change(IN in_transaction boolean DEFAULT true)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER PROCEDURE tenancy.begin_change(IN in_transaction boolean) OWNER TO postgres;
COMMENT ON PROCEDURE tenancy.begin_change(IN in_transaction boolean) IS 'Opens each deploy and revert script: acts as the owner of the legacy tables and sets the timeouts, for the transaction, or with in_transaction => FALSE for the session. Example: CALL tenancy.begin_change()';
CREATE TABLE public.bookings (
    acknowledged_at_utc timestamp with time zone,
    appointment_status public.appointmentstatus DEFAULT 'SCHEDULED'::public.appointmentstatus NOT NULL,
    appointment_status_updated_at_utc timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_email character varying(255),
    customer_name character varying(255),
    customer_phone character varying(32),
    discount_cents integer NOT NULL,
    end_at_utc timestamp with time zone NOT NULL,
    hold_expires_at_utc timestamp with time zone,
    id uuid NOT NULL,
    internal_notes text,
    preferred_style_image_url text,
    preferred_style_text text,
    promo_id integer,
    secondary_service_id integer,
    service_id integer NOT NULL,
    shop_id integer NOT NULL,
    sms_sent_at_utc timestamp with time zone,
    start_at_utc timestamp with time zone NOT NULL,
    status public.bookingstatus NOT NULL,
    stylist_id integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.bookings OWNER TO postgres;
CREATE TABLE public.customers (
    average_spend_cents integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    email character varying(255),
    id integer NOT NULL,
    name character varying(255),
    no_show_count integer NOT NULL,
    phone character varying(32),
    preferred_stylist_id integer,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customers OWNER TO postgres;
CREATE FUNCTION tenancy.bookings_of(customer_id integer, phone character varying, email character varying) RETURNS TABLE(id uuid, shop_id integer, service_id integer, stylist_id integer, status public.bookingstatus, appointment_status public.appointmentstatus, start_at_utc timestamp with time zone, created_at timestamp with time zone)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT b.id,
     b.shop_id,
     b.service_id,
     b.stylist_id,
     b.status,
     b.appointment_status,
     b.start_at_utc,
     b.created_at
    FROM public.bookings b
   WHERE (((b.customer_phone)::text = (bookings_of.phone)::text) AND (NOT (EXISTS ( SELECT
            FROM public.customers elder
           WHERE (((elder.phone)::text = (bookings_of.phone)::text) AND (elder.id < bookings_of.customer_id))))))
 UNION ALL
  SELECT b.id,
     b.shop_id,
     b.service_id,
     b.stylist_id,
     b.status,
     b.appointment_status,
     b.start_at_utc,
     b.created_at
    FROM public.bookings b
   WHERE (((b.customer_email)::text = (bookings_of.email)::text) AND (((b.customer_phone)::text = (bookings_of.phone)::text) IS NOT TRUE) AND (NOT (EXISTS ( SELECT
            FROM public.customers named_by_phone
           WHERE ((named_by_phone.phone)::text = (b.customer_phone)::text)))));
END;
ALTER FUNCTION tenancy.bookings_of(customer_id integer, phone character varying, email character varying) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.bookings_of(customer_id integer, phone character varying, email character varying) IS 'The bookings of a customer with this id, phone and email, of every status. A booking is the customer''s whose phone it bears, else whose email; of customers who share a phone, the one with the lowest id: as the legacy application resolves identity.';
CREATE FUNCTION tenancy.bookings_of(customer_id integer) RETURNS TABLE(id uuid, shop_id integer, service_id integer, stylist_id integer, status public.bookingstatus, appointment_status public.appointmentstatus, start_at_utc timestamp with time zone, created_at timestamp with time zone)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT b.id,
     b.shop_id,
     b.service_id,
     b.stylist_id,
     b.status,
     b.appointment_status,
     b.start_at_utc,
     b.created_at
    FROM (public.customers c
      CROSS JOIN LATERAL tenancy.bookings_of(c.id, c.phone, c.email) b(id, shop_id, service_id, stylist_id, status, appointment_status, start_at_utc, created_at))
   WHERE (c.id = bookings_of.customer_id);
END;
ALTER FUNCTION tenancy.bookings_of(customer_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.bookings_of(customer_id integer) IS 'The bookings of one customer, of every status. Example: SELECT * FROM tenancy.bookings_of(42)';
CREATE FUNCTION tenancy.clear_stylist_preferences() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '500ms'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    fans integer[]; -- customers who prefer the stylist
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.shop_id = OLD.shop_id THEN
        RETURN NEW;
    END IF;
    fans := ARRAY(SELECT p.customer_id FROM public.customer_shop_profiles AS p WHERE p.preferred_stylist_id = OLD.id);
    IF tenancy.has_legacy_side() THEN
        fans := fans || ARRAY(SELECT c.id FROM public.customers AS c WHERE c.preferred_stylist_id = OLD.id);
    END IF;
    -- Customers before profiles, as everywhere.
    PERFORM
    FROM public.customers AS c
    WHERE c.id = ANY (fans)
    ORDER BY c.id
    FOR NO KEY UPDATE;
    -- customers.preferred_stylist_id stays as it is (migrate/mirrors).
    guard := set_config('tenancy.mirroring', 'on', TRUE);
    UPDATE public.customer_shop_profiles AS p
    SET
        preferred_stylist_id = NULL,
        updated_at = now()
    WHERE p.preferred_stylist_id = OLD.id;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END;
$$;
ALTER FUNCTION tenancy.clear_stylist_preferences() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.clear_stylist_preferences() IS 'Trigger: a stylist who leaves a shop is nobody''s preferred stylist there any more. Locks the affected customers first.';
CREATE FUNCTION tenancy.describe_sessions(pids integer[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION tenancy.describe_sessions(pids integer[]) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.describe_sessions(pids integer[]) IS 'Who these sessions are, oldest transaction first: pid, user, application, age, state, query. NULL if there is none.';
CREATE FUNCTION tenancy.fill_profiles(customer_ids integer[], instead tenancy.statistics DEFAULT NULL::tenancy.statistics) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    written bigint;
BEGIN
    -- What comes from the legacy side is not to be mirrored back to it (migrate/mirrors).
    guard := set_config('tenancy.mirroring', 'on', TRUE);
    INSERT INTO public.customer_shop_profiles (
        customer_id,
        shop_id,
        preferred_stylist_id,
        total_bookings,
        total_spend_cents,
        last_booking_at,
        no_show_count
    )
    SELECT
        s.customer_id,
        s.shop_id,
        s.preferred_stylist_id,
        s.total_bookings,
        s.total_spend_cents,
        s.last_booking_at,
        s.no_show_count
    FROM tenancy.split(customer_ids, instead) AS s;
    GET DIAGNOSTICS written = ROW_COUNT;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN written;
END;
$$;
ALTER FUNCTION tenancy.fill_profiles(customer_ids integer[], instead tenancy.statistics) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.fill_profiles(customer_ids integer[], instead tenancy.statistics) IS 'Gives customers without any profile theirs, by tenancy.split(), and returns how many. Fails (23505) if somebody else did. Example: SELECT tenancy.fill_profiles(ARRAY[42])';
CREATE FUNCTION tenancy.has_legacy_side() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN true;
ALTER FUNCTION tenancy.has_legacy_side() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.has_legacy_side() IS 'Whether customer_booking_stats and the columns of customers that move are there, mirrored: the contract (phase 3) makes it false, its revert true, in the transaction that switches. Asked after the first lock, it is right until the transaction ends, so a call that waited for the switch goes on as it is meant to. Example: SELECT tenancy.has_legacy_side()';
CREATE PROCEDURE tenancy.lock_tables(IN mode text, VARIADIC tables text[])
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER PROCEDURE tenancy.lock_tables(IN mode text, VARIADIC tables text[]) OWNER TO postgres;
COMMENT ON PROCEDURE tenancy.lock_tables(IN mode text, VARIADIC tables text[]) IS 'Takes strong locks for DDL without stalling the application: in the given order, each attempt under lock_timeout, all given back before a pause and another attempt, at last refused (55P03) with who holds them. The first thing a transaction does: what it locked before is held through the pauses. Example: CALL tenancy.lock_tables(''ACCESS EXCLUSIVE'', ''public.customers'')';
CREATE TABLE tenancy.backfill_progress (
    CONSTRAINT backfill_progress_singleton_check CHECK (singleton),
    customers_done bigint DEFAULT 0 NOT NULL,
    customers_estimated bigint DEFAULT 0 NOT NULL,
    finished_at timestamp with time zone,
    last_customer_id integer,
    paused boolean DEFAULT false NOT NULL,
    profiles_written bigint DEFAULT 0 NOT NULL,
    singleton boolean DEFAULT true NOT NULL,
    started_at timestamp with time zone,
    sweeping boolean DEFAULT false NOT NULL,
    updated_at timestamp with time zone
);
ALTER TABLE tenancy.backfill_progress OWNER TO postgres;
COMMENT ON TABLE tenancy.backfill_progress IS 'Where the backfill stands: one row, written in the transaction of each batch, so that a crash loses neither.';
COMMENT ON COLUMN tenancy.backfill_progress.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.backfill_progress.last_customer_id IS 'The cursor: the pass goes on after this customer; NULL at its beginning.';
COMMENT ON COLUMN tenancy.backfill_progress.sweeping IS 'The first pass is over; another one looks for customers that it could not see or who were locked.';
COMMENT ON COLUMN tenancy.backfill_progress.paused IS 'Set by tenancy.pause_backfill(): no batch starts.';
COMMENT ON COLUMN tenancy.backfill_progress.customers_estimated IS 'Customers there were at the start, as ANALYZE counts.';
COMMENT ON COLUMN tenancy.backfill_progress.customers_done IS 'Customers who have their profiles.';
COMMENT ON COLUMN tenancy.backfill_progress.profiles_written IS 'Profiles written, or taken back after a revert.';
COMMENT ON COLUMN tenancy.backfill_progress.started_at IS 'When the first run began.';
COMMENT ON COLUMN tenancy.backfill_progress.updated_at IS 'When the last batch ended.';
COMMENT ON COLUMN tenancy.backfill_progress.finished_at IS 'When every customer had profiles; NULL until then.';
CREATE FUNCTION tenancy.pause_backfill() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE tenancy.backfill_progress SET paused = true
   WHERE (NOT backfill_progress.paused);
END;
ALTER FUNCTION tenancy.pause_backfill() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.pause_backfill() IS 'From any session: the backfill stops after the batch at hand, until tenancy.resume_backfill().';
CREATE FUNCTION tenancy.prepare_backfill() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION tenancy.prepare_backfill() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.prepare_backfill() IS 'Begins or resumes the backfill: statistics for the planner, an estimate of the work. After a finished backfill it has the next steps look for customers who came since.';
CREATE FUNCTION tenancy.residual(total bigint, others bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (total < others) THEN (0)::bigint ELSE (total - others) END;
ALTER FUNCTION tenancy.residual(total bigint, others bigint) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.residual(total bigint, others bigint) IS 'The residual rule: what a shop gets of a customer''s total when the other shops hold the rest. Never below zero: what the others hold too much, tenancy.residual_cut() takes from them. NULL for a total that is NULL. Example: tenancy.residual(10, 7) = 3';
CREATE FUNCTION tenancy.residual_cut(own bigint, larger bigint, excess bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN LEAST(own, GREATEST((excess - larger), (0)::bigint));
ALTER FUNCTION tenancy.residual_cut(own bigint, larger bigint, excess bigint) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.residual_cut(own bigint, larger bigint, excess bigint) IS 'The residual rule, other side: what is taken from a profile that holds own, when the profiles cut before it (largest first, then lowest shop) hold larger, and all of them together hold excess more than the customer''s total. Example: of 5, 3 and 2 with a total of 4, tenancy.residual_cut(3, 5, 6) = 1';
CREATE FUNCTION tenancy.resume_backfill() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE tenancy.backfill_progress SET paused = false
   WHERE backfill_progress.paused;
END;
ALTER FUNCTION tenancy.resume_backfill() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.resume_backfill() IS 'From any session: the paused backfill goes on.';
CREATE PROCEDURE tenancy.run_backfill(IN batch_size integer DEFAULT NULL::integer)
    LANGUAGE plpgsql
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
ALTER PROCEDURE tenancy.run_backfill(IN batch_size integer) OWNER TO postgres;
COMMENT ON PROCEDURE tenancy.run_backfill(IN batch_size integer) IS 'The whole backfill, in batches that it commits: waits for a running one, resumes one that was interrupted, ends when every customer has profiles. SELECT * FROM tenancy.backfill_progress in another session shows how far it is. Outside a transaction only. Example: CALL tenancy.run_backfill()';
CREATE FUNCTION tenancy.set_stylist_preferences() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '500ms'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
BEGIN
    IF NOT tenancy.has_legacy_side() THEN
        RETURN NULL; -- a preference belongs to one shop, and that was left
    END IF;
    guard := set_config('tenancy.mirroring', 'on', TRUE);
    UPDATE public.customer_shop_profiles AS p
    SET
        preferred_stylist_id = NEW.id,
        updated_at = now()
    FROM public.customers AS c
    WHERE c.preferred_stylist_id = NEW.id
        AND p.customer_id = c.id
        AND p.shop_id = NEW.shop_id;
    -- Only where the customer has profiles already: the backfill passes over customers who have one.
    INSERT INTO public.customer_shop_profiles (customer_id, shop_id, preferred_stylist_id)
    SELECT
        c.id,
        NEW.shop_id,
        NEW.id
    FROM public.customers AS c
    WHERE c.preferred_stylist_id = NEW.id
        AND EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = c.id
        )
        AND NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = c.id
                AND p.shop_id = NEW.shop_id
        )
    ORDER BY c.id
    ON CONFLICT (customer_id, shop_id) DO UPDATE
    SET
        preferred_stylist_id = excluded.preferred_stylist_id,
        updated_at = excluded.updated_at;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN NULL;
END;
$$;
ALTER FUNCTION tenancy.set_stylist_preferences() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.set_stylist_preferences() IS 'Trigger: a stylist who moved is, in the new shop, the preferred stylist of the customers who prefer them in customers. After the contract, nobody''s.';
CREATE FUNCTION tenancy.split(customer_ids integer[], instead tenancy.statistics DEFAULT NULL::tenancy.statistics) RETURNS TABLE(customer_id integer, shop_id integer, preferred_stylist_id integer, total_bookings integer, total_spend_cents integer, last_booking_at timestamp with time zone, no_show_count integer)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
    WITH customer AS MATERIALIZED (
        SELECT
            c.id,
            c.phone,
            c.email,
            (SELECT d.default_shop_id FROM tenancy.settings AS d) AS default_shop_id,
            c.preferred_stylist_id,
            coalesce(i.total_bookings, s.total_bookings, 0) AS total_bookings,
            coalesce(i.total_spend_cents, s.total_spend_cents, 0) AS total_spend_cents,
            coalesce(i.last_booking_at, s.last_booking_at) AS last_booking_at,
            c.no_show_count
        FROM public.customers AS c
        LEFT JOIN (SELECT (split.instead).*) AS i ON i.customer_id = c.id
        LEFT JOIN public.customer_booking_stats AS s
            ON s.customer_id = c.id
            AND (split.instead).customer_id IS NULL
        WHERE c.id = ANY (split.customer_ids) -- noqa: CP03,LT01,LT06
    ),
    -- Marked: the booking that the statistics counted last, and the newest confirmed one of each shop.
    booking AS (
        SELECT
            c.id AS customer_id,
            b.shop_id,
            b.status = 'CONFIRMED' AS is_confirmed,
            b.appointment_status = 'NO_SHOW' AS is_no_show,
            b.start_at_utc,
            v.price_cents,
            b.start_at_utc = c.last_booking_at
            AND row_number() OVER (
                PARTITION BY c.id, b.start_at_utc
                ORDER BY b.status = 'CONFIRMED' DESC, b.created_at DESC, b.id DESC
            ) = 1 AS is_last,
            b.status = 'CONFIRMED'
            AND row_number() OVER (
                PARTITION BY c.id, b.shop_id
                ORDER BY b.status = 'CONFIRMED' DESC, b.created_at DESC, b.id DESC
            ) = 1 AS is_newest
        FROM customer AS c
        CROSS JOIN LATERAL tenancy.bookings_of(c.id, c.phone, c.email) AS b
        JOIN public.services AS v ON v.id = b.service_id
    ),
    -- All that speaks for a profile of the customer in a shop; the default shop, with the totals, always.
    evidence AS (
        SELECT
            c.id AS customer_id,
            c.default_shop_id AS shop_id,
            TRUE AS is_default,
            c.total_bookings,
            c.total_spend_cents,
            c.no_show_count,
            c.last_booking_at,
            0 AS bookings,
            0 AS spend_cents,
            0 AS no_shows,
            FALSE AS is_last,
            NULL::timestamptz AS newest_start,
            NULL::integer AS chosen_stylist_id,
            NULL::integer AS favourite_stylist_id
        FROM customer AS c
        UNION ALL
        SELECT
            b.customer_id,
            b.shop_id,
            FALSE,
            NULL,
            NULL,
            NULL,
            NULL,
            b.is_confirmed::integer,
            CASE WHEN b.is_confirmed THEN b.price_cents ELSE 0 END,
            (b.is_confirmed AND b.is_no_show)::integer,
            b.is_last,
            CASE WHEN b.is_newest THEN b.start_at_utc END,
            NULL,
            NULL
        FROM booking AS b
        WHERE b.is_confirmed
            OR b.is_last
        UNION ALL
        SELECT
            c.id,
            s.shop_id,
            FALSE,
            NULL,
            NULL,
            NULL,
            NULL,
            0,
            0,
            0,
            FALSE,
            NULL,
            s.id,
            NULL
        FROM customer AS c
        JOIN public.stylists AS s ON s.id = c.preferred_stylist_id
        UNION ALL
        (
            SELECT DISTINCT ON (c.id, s.shop_id)
                c.id,
                s.shop_id,
                FALSE,
                NULL::integer,
                NULL::integer,
                NULL::integer,
                NULL::timestamptz,
                0,
                0,
                0,
                FALSE,
                NULL::timestamptz,
                NULL::integer,
                p.stylist_id
            FROM customer AS c
            JOIN public.customer_stylist_preferences AS p ON p.customer_id = c.id
            JOIN public.stylists AS s ON s.id = p.stylist_id
            ORDER BY c.id, s.shop_id, p.booking_count DESC, p.stylist_id
        )
    ),
    shown AS (
        SELECT
            e.customer_id,
            e.shop_id,
            bool_or(e.is_default) AS is_default,
            max(e.total_bookings) AS total_bookings,
            max(e.total_spend_cents) AS total_spend_cents,
            max(e.no_show_count) AS no_show_count,
            max(e.last_booking_at) AS last_booking_at,
            sum(e.bookings) AS bookings,
            sum(e.spend_cents) AS spend_cents,
            sum(e.no_shows) AS no_shows,
            bool_or(e.is_last) AS is_last,
            max(e.newest_start) AS newest_start,
            coalesce(max(e.chosen_stylist_id), max(e.favourite_stylist_id)) AS stylist_id
        FROM evidence AS e
        GROUP BY e.customer_id, e.shop_id
    ),
    -- Each profile beside the customer's totals and what all other shops than the default show.
    weighed AS (
        SELECT
            s.customer_id,
            s.shop_id,
            s.is_default,
            s.stylist_id,
            s.bookings,
            s.spend_cents,
            s.no_shows,
            s.newest_start,
            s.is_last OR (s.is_default AND NOT bool_or(s.is_last) OVER customer) AS takes_last,
            max(s.last_booking_at) OVER customer AS last_booking_at,
            max(s.total_bookings) OVER customer AS total_bookings,
            max(s.total_spend_cents) OVER customer AS total_spend_cents,
            max(s.no_show_count) OVER customer AS no_show_count,
            coalesce(sum(s.bookings) FILTER (WHERE NOT s.is_default) OVER customer, 0)::bigint AS other_bookings,
            coalesce(sum(s.spend_cents) FILTER (WHERE NOT s.is_default) OVER customer, 0)::bigint AS other_spend_cents,
            coalesce(sum(s.no_shows) FILTER (WHERE NOT s.is_default) OVER customer, 0)::bigint AS other_no_shows
        FROM shown AS s
        WINDOW customer AS (PARTITION BY s.customer_id)
    ),
    -- More than the statistics know, as the legacy application loses bookings.
    excess AS (
        SELECT
            w.*,
            w.other_bookings - w.total_bookings AS excess_bookings,
            w.other_spend_cents - w.total_spend_cents AS excess_spend_cents,
            w.other_no_shows - w.no_show_count AS excess_no_shows
        FROM weighed AS w
    ),
    settled AS (
        SELECT
            e.*,
            0::bigint AS cut_bookings,
            0::bigint AS cut_spend_cents,
            0::bigint AS cut_no_shows
        FROM excess AS e
        WHERE greatest(e.excess_bookings, e.excess_spend_cents, e.excess_no_shows) <= 0
        UNION ALL
        SELECT
            e.*,
            tenancy.residual_cut(
                e.bookings,
                coalesce(sum(e.bookings) FILTER (WHERE NOT e.is_default) OVER by_bookings, 0)::bigint,
                e.excess_bookings
            ),
            tenancy.residual_cut(
                e.spend_cents,
                coalesce(sum(e.spend_cents) FILTER (WHERE NOT e.is_default) OVER by_spend, 0)::bigint,
                e.excess_spend_cents
            ),
            tenancy.residual_cut(
                e.no_shows,
                coalesce(sum(e.no_shows) FILTER (WHERE NOT e.is_default) OVER by_no_shows, 0)::bigint,
                e.excess_no_shows
            )
        FROM excess AS e
        WHERE greatest(e.excess_bookings, e.excess_spend_cents, e.excess_no_shows) > 0
        WINDOW
            by_bookings AS (
                PARTITION BY e.customer_id ORDER BY e.bookings DESC, e.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            by_spend AS (
                PARTITION BY e.customer_id ORDER BY e.spend_cents DESC, e.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            by_no_shows AS (
                PARTITION BY e.customer_id ORDER BY e.no_shows DESC, e.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
    )
    SELECT
        s.customer_id,
        s.shop_id,
        s.stylist_id,
        CASE
            WHEN s.is_default THEN tenancy.residual(s.total_bookings, s.other_bookings)
            ELSE s.bookings - s.cut_bookings
        END,
        CASE
            WHEN s.is_default THEN tenancy.residual(s.total_spend_cents, s.other_spend_cents)
            ELSE s.spend_cents - s.cut_spend_cents
        END,
        CASE WHEN s.takes_last THEN s.last_booking_at ELSE s.newest_start END,
        CASE
            WHEN s.is_default THEN tenancy.residual(s.no_show_count, s.other_no_shows)
            ELSE s.no_shows - s.cut_no_shows
        END
    FROM settled AS s;
$$;
ALTER FUNCTION tenancy.split(customer_ids integer[], instead tenancy.statistics) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.split(customer_ids integer[], instead tenancy.statistics) IS 'The backfill rule: the profiles of these customers as the legacy side shows them. Other shops than the default get what their confirmed bookings show, up to the customer''s totals (tenancy.residual_cut), the default shop gets the rest (tenancy.residual), so the sum is always the totals. With instead, that row stands for their statistics. Writes nothing. Example: SELECT * FROM tenancy.split(ARRAY[42])';
CREATE TABLE public.customer_booking_stats (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_id integer NOT NULL,
    last_booking_at timestamp with time zone,
    total_bookings integer NOT NULL,
    total_spend_cents integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customer_booking_stats OWNER TO postgres;
CREATE TABLE public.customer_service_preferences (
    customer_id integer NOT NULL,
    id integer NOT NULL,
    preferred_style_image_url text,
    preferred_style_text text,
    service_id integer NOT NULL,
    updated_at_utc timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customer_service_preferences OWNER TO postgres;
CREATE SEQUENCE public.customer_service_preferences_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.customer_service_preferences_id_seq OWNER TO postgres;
ALTER SEQUENCE public.customer_service_preferences_id_seq OWNED BY public.customer_service_preferences.id;
CREATE TABLE public.customer_shop_profiles (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_id integer NOT NULL,
    id integer NOT NULL,
    last_booking_at timestamp with time zone,
    no_show_count integer DEFAULT 0 NOT NULL,
    preferred_stylist_id integer,
    shop_id integer NOT NULL,
    total_bookings integer DEFAULT 0 NOT NULL,
    total_spend_cents integer DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='90');
ALTER TABLE public.customer_shop_profiles OWNER TO postgres;
COMMENT ON TABLE public.customer_shop_profiles IS 'What belongs to one customer in one shop: statistics and preferences. Customers themselves are global (ADR-0001).';
COMMENT ON COLUMN public.customer_shop_profiles.id IS 'Surrogate key; (customer_id, shop_id) is the natural one.';
COMMENT ON COLUMN public.customer_shop_profiles.customer_id IS 'The global customer; the profile goes when the customer goes.';
COMMENT ON COLUMN public.customer_shop_profiles.shop_id IS 'The shop; the profile goes when the shop goes.';
COMMENT ON COLUMN public.customer_shop_profiles.preferred_stylist_id IS 'The stylist of this shop whom the customer prefers; NULL when there is none.';
COMMENT ON COLUMN public.customer_shop_profiles.total_bookings IS 'Bookings counted for this customer in this shop.';
COMMENT ON COLUMN public.customer_shop_profiles.total_spend_cents IS 'List price of the primary services of those bookings, in cents.';
COMMENT ON COLUMN public.customer_shop_profiles.last_booking_at IS 'Start of the booking in this shop that was counted last (not the latest start).';
COMMENT ON COLUMN public.customer_shop_profiles.no_show_count IS 'Bookings in this shop that the customer did not keep.';
COMMENT ON COLUMN public.customer_shop_profiles.created_at IS 'When the profile was made, by the backfill or by a first booking.';
COMMENT ON COLUMN public.customer_shop_profiles.updated_at IS 'When the profile was last written.';
CREATE SEQUENCE public.customer_shop_profiles_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.customer_shop_profiles_id_seq OWNER TO postgres;
ALTER SEQUENCE public.customer_shop_profiles_id_seq OWNED BY public.customer_shop_profiles.id;
CREATE TABLE public.customer_stylist_preferences (
    booking_count integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_id integer NOT NULL,
    id integer NOT NULL,
    stylist_id integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customer_stylist_preferences OWNER TO postgres;
CREATE SEQUENCE public.customer_stylist_preferences_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.customer_stylist_preferences_id_seq OWNER TO postgres;
ALTER SEQUENCE public.customer_stylist_preferences_id_seq OWNED BY public.customer_stylist_preferences.id;
CREATE SEQUENCE public.customers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.customers_id_seq OWNER TO postgres;
ALTER SEQUENCE public.customers_id_seq OWNED BY public.customers.id;
CREATE TABLE public.services (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    duration_minutes integer NOT NULL,
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    price_cents integer NOT NULL,
    shop_id integer NOT NULL
);
ALTER TABLE public.services OWNER TO postgres;
CREATE SEQUENCE public.services_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.services_id_seq OWNER TO postgres;
ALTER SEQUENCE public.services_id_seq OWNED BY public.services.id;
CREATE TABLE public.shops (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    id integer NOT NULL,
    name character varying(255) NOT NULL
);
ALTER TABLE public.shops OWNER TO postgres;
CREATE SEQUENCE public.shops_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.shops_id_seq OWNER TO postgres;
ALTER SEQUENCE public.shops_id_seq OWNED BY public.shops.id;
CREATE TABLE public.stylists (
    active boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    pin_hash character varying(64),
    pin_set_at_utc timestamp with time zone,
    shop_id integer NOT NULL,
    work_end time without time zone NOT NULL,
    work_start time without time zone NOT NULL
);
ALTER TABLE public.stylists OWNER TO postgres;
CREATE SEQUENCE public.stylists_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.stylists_id_seq OWNER TO postgres;
ALTER SEQUENCE public.stylists_id_seq OWNED BY public.stylists.id;
CREATE VIEW tenancy.drift AS
SELECT
    NULL::text AS kind,
    NULL::integer AS customer_id,
    NULL::integer AS shop_id,
    NULL::text AS legacy_value,
    NULL::text AS profile_value;
ALTER TABLE tenancy.drift OWNER TO postgres;
COMMENT ON VIEW tenancy.drift IS 'Where the legacy side and the profiles disagree: a row a disagreement, none when healthy. Kinds: missing_profile, totals, last_booking_at, no_show_count, preferred_stylist, foreign_stylist, negative. Before @phase2 profiles go stale with live traffic. Example: SELECT kind, count(*) FROM tenancy.drift GROUP BY kind';
COMMENT ON COLUMN tenancy.drift.kind IS 'What disagrees.';
COMMENT ON COLUMN tenancy.drift.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.drift.shop_id IS 'The shop of the profile, or NULL when the disagreement is over all profiles of the customer.';
COMMENT ON COLUMN tenancy.drift.legacy_value IS 'What customer_booking_stats or customers say.';
COMMENT ON COLUMN tenancy.drift.profile_value IS 'What customer_shop_profiles say.';
CREATE TABLE tenancy.settings (
    CONSTRAINT settings_backfill_batch_size_check CHECK (((backfill_batch_size >= 1) AND (backfill_batch_size <= 100000))),
    CONSTRAINT settings_legacy_quiet_period_check CHECK ((legacy_quiet_period >= '00:00:00'::interval)),
    CONSTRAINT settings_lock_attempts_check CHECK (((lock_attempts >= 1) AND (lock_attempts <= 1000))),
    CONSTRAINT settings_lock_timeout_ms_check CHECK (((lock_timeout_ms >= 1) AND (lock_timeout_ms <= 1000))),
    CONSTRAINT settings_replica_lag_limit_bytes_check CHECK ((replica_lag_limit_bytes > 0)),
    CONSTRAINT settings_singleton_check CHECK (singleton),
    backfill_batch_size integer DEFAULT 5000 NOT NULL,
    default_shop_id integer NOT NULL,
    legacy_quiet_period interval DEFAULT '1 day'::interval NOT NULL,
    lock_attempts integer DEFAULT 40 NOT NULL,
    lock_timeout_ms integer DEFAULT 100 NOT NULL,
    replica_lag_limit_bytes bigint DEFAULT ((64 * 1024) * 1024) NOT NULL,
    singleton boolean DEFAULT true NOT NULL
);
ALTER TABLE tenancy.settings OWNER TO postgres;
COMMENT ON TABLE tenancy.settings IS 'The settings of the migration: one row. UPDATE it at any time.';
COMMENT ON COLUMN tenancy.settings.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.settings.default_shop_id IS 'The shop that owns what no booking places. Set by sqitch deploy --set default_shop_id=N; not to be changed once profiles exist: theirs would be the rest of another shop.';
COMMENT ON COLUMN tenancy.settings.lock_timeout_ms IS 'How long one attempt at a strong lock waits, in milliseconds, and so how long writers may queue behind it. At most half of deadlock_timeout is used, so that no other transaction is ended in our favour.';
COMMENT ON COLUMN tenancy.settings.lock_attempts IS 'How often a strong lock is tried, with a growing pause between, before the change is refused.';
COMMENT ON COLUMN tenancy.settings.backfill_batch_size IS 'Customers in one transaction of the backfill.';
COMMENT ON COLUMN tenancy.settings.replica_lag_limit_bytes IS 'The backfill pauses while a replica is further behind than this, in bytes of WAL.';
COMMENT ON COLUMN tenancy.settings.legacy_quiet_period IS 'How long nobody must have written to the legacy side directly before the contract (phase 3).';
ALTER TABLE ONLY public.customer_service_preferences ALTER COLUMN id SET DEFAULT nextval('public.customer_service_preferences_id_seq'::regclass);
ALTER TABLE ONLY public.customer_shop_profiles ALTER COLUMN id SET DEFAULT nextval('public.customer_shop_profiles_id_seq'::regclass);
ALTER TABLE ONLY public.customer_stylist_preferences ALTER COLUMN id SET DEFAULT nextval('public.customer_stylist_preferences_id_seq'::regclass);
ALTER TABLE ONLY public.customers ALTER COLUMN id SET DEFAULT nextval('public.customers_id_seq'::regclass);
ALTER TABLE ONLY public.services ALTER COLUMN id SET DEFAULT nextval('public.services_id_seq'::regclass);
ALTER TABLE ONLY public.shops ALTER COLUMN id SET DEFAULT nextval('public.shops_id_seq'::regclass);
ALTER TABLE ONLY public.stylists ALTER COLUMN id SET DEFAULT nextval('public.stylists_id_seq'::regclass);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customer_booking_stats
    ADD CONSTRAINT customer_booking_stats_pkey PRIMARY KEY (customer_id);
ALTER TABLE ONLY public.customer_service_preferences
    ADD CONSTRAINT customer_service_preferences_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customer_stylist_preferences
    ADD CONSTRAINT customer_stylist_preferences_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.shops
    ADD CONSTRAINT shops_name_key UNIQUE (name);
ALTER TABLE ONLY public.shops
    ADD CONSTRAINT shops_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.stylists
    ADD CONSTRAINT stylists_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT uq_booking_stylist_time_range UNIQUE (stylist_id, start_at_utc, end_at_utc);
ALTER TABLE ONLY public.customer_service_preferences
    ADD CONSTRAINT uq_customer_service_preference UNIQUE (customer_id, service_id);
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT uq_customer_shop_profile UNIQUE (customer_id, shop_id);
ALTER TABLE ONLY public.customer_stylist_preferences
    ADD CONSTRAINT uq_customer_stylist_preference UNIQUE (customer_id, stylist_id);
ALTER TABLE ONLY public.services
    ADD CONSTRAINT uq_service_shop_name UNIQUE (shop_id, name);
ALTER TABLE ONLY public.stylists
    ADD CONSTRAINT uq_stylist_shop_name UNIQUE (shop_id, name);
ALTER TABLE ONLY tenancy.backfill_progress
    ADD CONSTRAINT backfill_progress_pkey PRIMARY KEY (singleton);
ALTER TABLE ONLY tenancy.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (singleton);
CREATE INDEX idx_customer_shop_profiles_customer ON public.customer_shop_profiles USING btree (customer_id);
CREATE INDEX idx_customer_shop_profiles_shop ON public.customer_shop_profiles USING btree (shop_id);
CREATE INDEX ix_bookings_customer_email ON public.bookings USING btree (customer_email);
CREATE INDEX ix_bookings_customer_phone ON public.bookings USING btree (customer_phone);
CREATE INDEX ix_bookings_end_at_utc ON public.bookings USING btree (end_at_utc);
CREATE INDEX ix_bookings_secondary_service_id ON public.bookings USING btree (secondary_service_id);
CREATE INDEX ix_bookings_service_id ON public.bookings USING btree (service_id);
CREATE INDEX ix_bookings_shop_id ON public.bookings USING btree (shop_id);
CREATE INDEX ix_bookings_start_at_utc ON public.bookings USING btree (start_at_utc);
CREATE INDEX ix_bookings_stylist_id ON public.bookings USING btree (stylist_id);
CREATE INDEX ix_customer_service_preferences_customer_id ON public.customer_service_preferences USING btree (customer_id);
CREATE INDEX ix_customer_service_preferences_service_id ON public.customer_service_preferences USING btree (service_id);
CREATE INDEX ix_customer_stylist_preferences_customer_id ON public.customer_stylist_preferences USING btree (customer_id);
CREATE INDEX ix_customer_stylist_preferences_stylist_id ON public.customer_stylist_preferences USING btree (stylist_id);
CREATE UNIQUE INDEX ix_customers_email ON public.customers USING btree (email);
CREATE INDEX ix_customers_phone ON public.customers USING btree (phone);
CREATE INDEX ix_services_shop_id ON public.services USING btree (shop_id);
CREATE INDEX ix_stylists_shop_id ON public.stylists USING btree (shop_id);
CREATE UNIQUE INDEX stylists_id_shop_id_key ON public.stylists USING btree (id, shop_id);
COMMENT ON INDEX public.stylists_id_shop_id_key IS 'Lets customer_shop_profiles refer to a stylist together with the shop, so that a preferred stylist works in that shop.';
CREATE OR REPLACE VIEW tenancy.drift WITH (security_invoker='true') AS
 WITH of_totals AS (
         WITH profiles AS (
                 SELECT p_1.customer_id,
                    sum(p_1.total_bookings) AS total_bookings,
                    sum(p_1.total_spend_cents) AS total_spend_cents
                   FROM public.customer_shop_profiles p_1
                  GROUP BY p_1.customer_id
                )
         SELECT 'totals'::text AS kind,
            p.customer_id,
            NULL::integer AS shop_id,
            format('%s bookings, %s cents'::text, COALESCE(s.total_bookings, 0), COALESCE(s.total_spend_cents, 0)) AS legacy_value,
            format('%s bookings, %s cents'::text, p.total_bookings, p.total_spend_cents) AS profile_value
           FROM (profiles p
             LEFT JOIN public.customer_booking_stats s ON ((s.customer_id = p.customer_id)))
          WHERE ((p.total_bookings <> COALESCE(s.total_bookings, 0)) OR (p.total_spend_cents <> COALESCE(s.total_spend_cents, 0)))
        ), of_customers AS (
         WITH sides AS (
                 SELECT c.id AS customer_id,
                    c.no_show_count,
                    c.preferred_stylist_id,
                    min(s.total_bookings) AS total_bookings,
                    min(s.total_spend_cents) AS total_spend_cents,
                    min(s.last_booking_at) AS last_booking_at,
                    sum(p_1.no_show_count) AS no_show_sum,
                    max(p_1.last_booking_at) AS newest_booking_at,
                    bool_or((p_1.last_booking_at = s.last_booking_at)) AS has_last_booking_at,
                    bool_or(((p_1.preferred_stylist_id = c.preferred_stylist_id) AND ((p_1.preferred_stylist_id, p_1.shop_id) IN ( SELECT t_1.id,
                            t_1.shop_id
                           FROM public.stylists t_1)))) AS has_preferred_stylist
                   FROM ((public.customers c
                     LEFT JOIN public.customer_booking_stats s ON ((s.customer_id = c.id)))
                     LEFT JOIN public.customer_shop_profiles p_1 ON ((p_1.customer_id = c.id)))
                  GROUP BY c.id
                ), judged AS (
                 SELECT b.customer_id,
                    b.no_show_count,
                    b.preferred_stylist_id,
                    b.total_bookings,
                    b.total_spend_cents,
                    b.last_booking_at,
                    b.no_show_sum,
                    b.newest_booking_at,
                    b.has_last_booking_at,
                    b.has_preferred_stylist,
                    ((b.no_show_sum IS NULL) AND ((b.total_bookings <> 0) OR (b.total_spend_cents <> 0) OR (b.last_booking_at IS NOT NULL) OR (b.no_show_count <> 0) OR (b.preferred_stylist_id IS NOT NULL))) AS misses_profile,
                    ((b.no_show_sum IS NOT NULL) AND (b.last_booking_at IS NOT NULL) AND (b.has_last_booking_at IS NOT TRUE)) AS other_last_booking_at,
                    (b.no_show_sum <> b.no_show_count) AS other_no_show_count,
                    ((b.no_show_sum IS NOT NULL) AND (b.preferred_stylist_id IS NOT NULL) AND (b.has_preferred_stylist IS NOT TRUE)) AS other_preferred_stylist,
                    (LEAST(b.total_bookings, b.total_spend_cents, b.no_show_count) < 0) AS negative
                   FROM sides b
                )
         SELECT v.kind,
            j.customer_id,
            v.shop_id,
            v.legacy_value,
            v.profile_value
           FROM (((judged j
             LEFT JOIN public.stylists t ON ((t.id = j.preferred_stylist_id)))
             LEFT JOIN public.customer_shop_profiles p ON (((p.customer_id = j.customer_id) AND (p.shop_id = t.shop_id))))
             CROSS JOIN LATERAL ( VALUES (j.misses_profile,'missing_profile'::text,NULL::integer,concat_ws(', '::text, (j.total_bookings || ' bookings'::text), (j.total_spend_cents || ' cents'::text), (j.no_show_count || ' no-shows'::text), ('stylist '::text || j.preferred_stylist_id)),NULL::text), (j.other_last_booking_at,'last_booking_at'::text,NULL::integer,(j.last_booking_at)::text,COALESCE(('newest '::text || j.newest_booking_at), 'none'::text)), (j.other_no_show_count,'no_show_count'::text,NULL::integer,(j.no_show_count)::text,(j.no_show_sum)::text), (j.other_preferred_stylist,'preferred_stylist'::text,t.shop_id,(j.preferred_stylist_id)::text,(p.preferred_stylist_id)::text), (j.negative,'negative'::text,NULL::integer,format('%s bookings, %s cents, %s no-shows'::text, COALESCE(j.total_bookings, 0), COALESCE(j.total_spend_cents, 0), j.no_show_count),NULL::text)) v(is_so, kind, shop_id, legacy_value, profile_value))
          WHERE (v.is_so AND (((j.misses_profile OR j.other_last_booking_at OR j.other_no_show_count OR j.other_preferred_stylist OR j.negative))::integer = 1))
        ), of_profiles AS (
         WITH judged AS (
                 SELECT p.id,
                    p.customer_id,
                    p.shop_id,
                    p.preferred_stylist_id,
                    p.total_bookings,
                    p.total_spend_cents,
                    p.last_booking_at,
                    p.no_show_count,
                    p.created_at,
                    p.updated_at,
                    t.shop_id AS stylist_shop_id,
                    ((p.preferred_stylist_id IS NOT NULL) AND COALESCE((t.shop_id <> p.shop_id), true)) AS foreign_stylist,
                    (LEAST(p.total_bookings, p.total_spend_cents, p.no_show_count) < 0) AS negative
                   FROM (public.customer_shop_profiles p
                     LEFT JOIN public.stylists t ON ((t.id = p.preferred_stylist_id)))
                )
         SELECT v.kind,
            j.customer_id,
            j.shop_id,
            NULL::text AS legacy_value,
            v.profile_value
           FROM (judged j
             CROSS JOIN LATERAL ( VALUES (j.foreign_stylist,'foreign_stylist'::text,format('stylist %s of shop %s'::text, j.preferred_stylist_id, COALESCE((j.stylist_shop_id)::text, 'none'::text))), (j.negative,'negative'::text,format('%s bookings, %s cents, %s no-shows'::text, j.total_bookings, j.total_spend_cents, j.no_show_count))) v(is_so, kind, profile_value))
          WHERE (v.is_so AND (((j.foreign_stylist OR j.negative))::integer = 1))
        )
 SELECT d.kind,
    d.customer_id,
    d.shop_id,
    d.legacy_value,
    d.profile_value
   FROM ( SELECT '{totals}'::text[] AS kinds,
            o.kind,
            o.customer_id,
            o.shop_id,
            o.legacy_value,
            o.profile_value
           FROM of_totals o
        UNION ALL
         SELECT '{missing_profile,last_booking_at,no_show_count,preferred_stylist,negative}'::text[],
            o.kind,
            o.customer_id,
            o.shop_id,
            o.legacy_value,
            o.profile_value
           FROM of_customers o
        UNION ALL
         SELECT '{foreign_stylist,negative}'::text[],
            o.kind,
            o.customer_id,
            o.shop_id,
            o.legacy_value,
            o.profile_value
           FROM of_profiles o) d
  WHERE (d.kind = ANY (d.kinds));
CREATE TRIGGER stylist_arrives AFTER UPDATE OF shop_id ON public.stylists FOR EACH ROW WHEN ((old.shop_id IS DISTINCT FROM new.shop_id)) EXECUTE FUNCTION tenancy.set_stylist_preferences();
COMMENT ON TRIGGER stylist_arrives ON public.stylists IS 'Sets the preference in the new shop for the customers who prefer the stylist.';
CREATE TRIGGER stylist_leaves BEFORE DELETE OR UPDATE OF shop_id ON public.stylists FOR EACH ROW EXECUTE FUNCTION tenancy.clear_stylist_preferences();
COMMENT ON TRIGGER stylist_leaves ON public.stylists IS 'Clears the profiles that prefer the stylist in the shop that is left.';
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_secondary_service_id_fkey FOREIGN KEY (secondary_service_id) REFERENCES public.services(id);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_service_id_fkey FOREIGN KEY (service_id) REFERENCES public.services(id);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops(id);
ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_stylist_id_fkey FOREIGN KEY (stylist_id) REFERENCES public.stylists(id);
ALTER TABLE ONLY public.customer_booking_stats
    ADD CONSTRAINT customer_booking_stats_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);
ALTER TABLE ONLY public.customer_service_preferences
    ADD CONSTRAINT customer_service_preferences_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);
ALTER TABLE ONLY public.customer_service_preferences
    ADD CONSTRAINT customer_service_preferences_service_id_fkey FOREIGN KEY (service_id) REFERENCES public.services(id);
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_preferred_stylist_id_fkey FOREIGN KEY (preferred_stylist_id) REFERENCES public.stylists(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey FOREIGN KEY (preferred_stylist_id, shop_id) REFERENCES public.stylists(id, shop_id) ON DELETE SET NULL (preferred_stylist_id);
ALTER TABLE ONLY public.customer_shop_profiles
    ADD CONSTRAINT customer_shop_profiles_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.customer_stylist_preferences
    ADD CONSTRAINT customer_stylist_preferences_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);
ALTER TABLE ONLY public.customer_stylist_preferences
    ADD CONSTRAINT customer_stylist_preferences_stylist_id_fkey FOREIGN KEY (stylist_id) REFERENCES public.stylists(id);
ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_preferred_stylist_id_fkey FOREIGN KEY (preferred_stylist_id) REFERENCES public.stylists(id);
ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops(id);
ALTER TABLE ONLY public.stylists
    ADD CONSTRAINT stylists_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops(id);
REVOKE ALL ON FUNCTION tenancy.backfill_estimate(OUT customers bigint, OUT profiles bigint, OUT disk_bytes bigint, OUT wal_bytes bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.backfill_hold() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.backfill_lock_key() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.backfill_step(batch_size integer, OUT state text, OUT detail text, OUT customers integer, OUT profiles integer) FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.begin_change(IN in_transaction boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.bookings_of(customer_id integer, phone character varying, email character varying) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.bookings_of(customer_id integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.clear_stylist_preferences() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.describe_sessions(pids integer[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.fill_profiles(customer_ids integer[], instead tenancy.statistics) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.has_legacy_side() FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.lock_tables(IN mode text, VARIADIC tables text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.pause_backfill() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.prepare_backfill() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.residual(total bigint, others bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.residual_cut(own bigint, larger bigint, excess bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.resume_backfill() FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.run_backfill(IN batch_size integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.set_stylist_preferences() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.split(customer_ids integer[], instead tenancy.statistics) FROM PUBLIC;
