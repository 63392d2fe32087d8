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
CREATE FUNCTION tenancy.apply_delta(before public.customer_shop_profiles, after public.customer_shop_profiles) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    customer CONSTANT integer NOT NULL := coalesce(after.customer_id, before.customer_id);
    shop CONSTANT integer NOT NULL := coalesce(after.shop_id, before.shop_id);
    bookings CONSTANT integer NOT NULL := coalesce(after.total_bookings, 0) - coalesce(before.total_bookings, 0);
    spend_cents CONSTANT integer NOT NULL := coalesce(after.total_spend_cents, 0) - coalesce(before.total_spend_cents, 0);
    no_shows CONSTANT integer NOT NULL := coalesce(after.no_show_count, 0) - coalesce(before.no_show_count, 0);
    last_changed CONSTANT boolean NOT NULL := after.last_booking_at IS DISTINCT FROM before.last_booking_at;
    stylist_changed boolean NOT NULL := after.preferred_stylist_id IS DISTINCT FROM before.preferred_stylist_id;
    preferred integer; -- that customers has
    average_before integer;
    newest timestamptz; -- last booking, of all profiles
    average integer;
BEGIN
    IF bookings = 0 AND spend_cents = 0 AND no_shows = 0 AND NOT last_changed AND NOT stylist_changed THEN
        RETURN;
    END IF;
    -- The profile once more, as it is by now: a trigger of somebody else's may have written it again. Differences add up,
    -- what is copied does not.
    SELECT
        c.preferred_stylist_id,
        c.average_spend_cents,
        p.last_booking_at,
        p.preferred_stylist_id
    INTO
        preferred,
        average_before,
        after.last_booking_at,
        after.preferred_stylist_id
    FROM public.customers AS c
    LEFT JOIN public.customer_shop_profiles AS p ON p.id = after.id
    WHERE c.id = customer
    FOR NO KEY UPDATE OF c;
    IF NOT FOUND THEN
        RETURN; -- the customer is going: nothing may come back
    END IF;
    -- What is rare is looked up here, not in the UPDATEs below: they would be planned anew each time.
    IF stylist_changed AND preferred IS NOT NULL THEN
        stylist_changed := coalesce(shop = (SELECT s.shop_id FROM public.stylists AS s WHERE s.id = preferred), FALSE);
    END IF;
    IF last_changed AND after.last_booking_at IS NULL THEN
        newest := (SELECT max(p.last_booking_at) FROM public.customer_shop_profiles AS p WHERE p.customer_id = customer);
    END IF;
    guard := set_config('tenancy.mirroring', 'on', TRUE);
    IF bookings <> 0 OR spend_cents <> 0 OR last_changed THEN
        FOR attempt IN 1 .. 2 LOOP
            UPDATE public.customer_booking_stats AS s
            SET
                total_bookings = s.total_bookings + bookings,
                total_spend_cents = s.total_spend_cents + spend_cents,
                last_booking_at = CASE
                    WHEN NOT last_changed THEN s.last_booking_at
                    WHEN after.last_booking_at IS NOT NULL THEN after.last_booking_at
                    -- The profile that held the value does not any more: one that some profile holds takes its place.
                    WHEN s.last_booking_at = before.last_booking_at THEN newest
                    ELSE s.last_booking_at
                END,
                updated_at = now()
            WHERE s.customer_id = customer
            RETURNING CASE WHEN s.total_bookings > 0 THEN s.total_spend_cents / s.total_bookings ELSE 0 END
            INTO average;
            EXIT WHEN FOUND OR (bookings = 0 AND spend_cents = 0);
            INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
            VALUES (customer, 0, 0)
            ON CONFLICT (customer_id) DO NOTHING;
        END LOOP;
    END IF;
    IF average <> average_before OR no_shows <> 0 OR stylist_changed THEN
        UPDATE public.customers AS c
        SET
            average_spend_cents = coalesce(average, c.average_spend_cents),
            no_show_count = c.no_show_count + no_shows,
            preferred_stylist_id = CASE WHEN stylist_changed THEN after.preferred_stylist_id ELSE c.preferred_stylist_id END,
            updated_at = now()
        WHERE c.id = customer;
    END IF;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
END;
$$;
ALTER FUNCTION tenancy.apply_delta(before public.customer_shop_profiles, after public.customer_shop_profiles) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.apply_delta(before public.customer_shop_profiles, after public.customer_shop_profiles) IS 'Writes what changed in a profile to the legacy side, as differences: they commute, and the statistics may hold history that no profile shows. before is NULL for a new profile, after for one that went. Not mirrored. Locks the customer, then the statistics. Example: mirror trigger of public.customer_shop_profiles';
CREATE FUNCTION tenancy.apply_residual(customer_id integer, shop_id integer, total_bookings integer DEFAULT NULL::integer, total_spend_cents integer DEFAULT NULL::integer, last_booking_at timestamp with time zone DEFAULT NULL::timestamp with time zone, no_show_count integer DEFAULT NULL::integer, earlier tenancy.statistics DEFAULT NULL::tenancy.statistics) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    held_bookings bigint; -- by all shops together
    held_spend_cents bigint;
    held_no_shows bigint;
    at_floor boolean;
BEGIN
    guard := set_config('tenancy.mirroring', 'on', TRUE);
    FOR attempt IN 1 .. 2 LOOP
        SELECT
            sum(p.total_bookings),
            sum(p.total_spend_cents),
            sum(p.no_show_count)
        INTO
            held_bookings,
            held_spend_cents,
            held_no_shows
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = apply_residual.customer_id;
        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = coalesce(
                tenancy.residual(apply_residual.total_bookings, held_bookings - p.total_bookings), p.total_bookings
            ),
            total_spend_cents = coalesce(
                tenancy.residual(apply_residual.total_spend_cents, held_spend_cents - p.total_spend_cents), p.total_spend_cents
            ),
            last_booking_at = coalesce(apply_residual.last_booking_at, p.last_booking_at),
            no_show_count = coalesce(
                tenancy.residual(apply_residual.no_show_count, held_no_shows - p.no_show_count), p.no_show_count
            ),
            updated_at = now()
        WHERE p.customer_id = apply_residual.customer_id
            AND p.shop_id = apply_residual.shop_id
        RETURNING p.total_bookings = 0 OR p.total_spend_cents = 0 OR p.no_show_count = 0 INTO at_floor;
        EXIT WHEN FOUND;
        -- History that no profile shows goes to the shops of its bookings, not to the shop of this write.
        IF held_bookings IS NULL AND (earlier.total_bookings <> 0 OR earlier.total_spend_cents <> 0) THEN
            BEGIN
                PERFORM tenancy.fill_profiles(ARRAY[apply_residual.customer_id], earlier);
            EXCEPTION
                WHEN unique_violation OR foreign_key_violation THEN
                    NULL; -- somebody else did, or a stylist moves
            END;
        END IF;
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (apply_residual.customer_id, apply_residual.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END LOOP;
    -- The other shops may hold more than the customer's totals: the largest give first.
    IF at_floor AND (total_bookings < held_bookings OR total_spend_cents < held_spend_cents OR no_show_count < held_no_shows)
    THEN
        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = p.total_bookings - cut.bookings,
            total_spend_cents = p.total_spend_cents - cut.spend_cents,
            no_show_count = p.no_show_count - cut.no_shows,
            updated_at = now()
        FROM (
            SELECT
                o.id,
                tenancy.residual_cut(
                    o.total_bookings,
                    coalesce(sum(o.total_bookings) OVER by_bookings, 0)::bigint,
                    sum(o.total_bookings) OVER () - apply_residual.total_bookings
                ) AS bookings,
                tenancy.residual_cut(
                    o.total_spend_cents,
                    coalesce(sum(o.total_spend_cents) OVER by_spend, 0)::bigint,
                    sum(o.total_spend_cents) OVER () - apply_residual.total_spend_cents
                ) AS spend_cents,
                tenancy.residual_cut(
                    o.no_show_count,
                    coalesce(sum(o.no_show_count) OVER by_no_shows, 0)::bigint,
                    sum(o.no_show_count) OVER () - apply_residual.no_show_count
                ) AS no_shows
            FROM public.customer_shop_profiles AS o
            WHERE o.customer_id = apply_residual.customer_id
                AND o.shop_id <> apply_residual.shop_id
            WINDOW
                by_bookings AS (
                    ORDER BY o.total_bookings DESC, o.shop_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                by_spend AS (
                    ORDER BY o.total_spend_cents DESC, o.shop_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                by_no_shows AS (
                    ORDER BY o.no_show_count DESC, o.shop_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                )
        ) AS cut
        WHERE p.id = cut.id
            AND greatest(cut.bookings, cut.spend_cents, cut.no_shows) > 0;
    END IF;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
END;
$$;
ALTER FUNCTION tenancy.apply_residual(customer_id integer, shop_id integer, total_bookings integer, total_spend_cents integer, last_booking_at timestamp with time zone, no_show_count integer, earlier tenancy.statistics) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.apply_residual(customer_id integer, shop_id integer, total_bookings integer, total_spend_cents integer, last_booking_at timestamp with time zone, no_show_count integer, earlier tenancy.statistics) IS 'Writes the customer''s legacy values to the profile of one shop by the residual rule (tenancy.residual, tenancy.residual_cut). A value that is NULL stays as the profiles have it. Not mirrored. The caller holds the row that the values are from. earlier is the customer''s row of statistics before, for a customer without any profile. Example: SELECT tenancy.apply_residual(42, 3, total_bookings => 10, total_spend_cents => 50000)';
CREATE PROCEDURE tenancy.attach_mirrors()
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    -- BEFORE, so that no other trigger of the booking writes statistics first.
    CREATE OR REPLACE TRIGGER confirm_booking
    BEFORE UPDATE ON public.bookings
    FOR EACH ROW
    WHEN (NEW.status = 'CONFIRMED' AND OLD.status <> 'CONFIRMED')
    EXECUTE FUNCTION tenancy.confirm_booking();
    CREATE OR REPLACE TRIGGER confirm_new_booking
    BEFORE INSERT ON public.bookings
    FOR EACH ROW
    WHEN (NEW.status = 'CONFIRMED')
    EXECUTE FUNCTION tenancy.confirm_booking();
    -- The guard: a mirror's own write is not mirrored back. That of profiles asks for it in its function, for it matters who
    -- set it.
    CREATE OR REPLACE TRIGGER mirror_customer_to_profiles
    AFTER UPDATE ON public.customers
    FOR EACH ROW
    WHEN (
        (NEW.preferred_stylist_id IS DISTINCT FROM OLD.preferred_stylist_id OR NEW.no_show_count <> OLD.no_show_count)
        AND current_setting('tenancy.mirroring', TRUE) IS DISTINCT FROM 'on'
    )
    EXECUTE FUNCTION tenancy.mirror_customers_to_profiles();
    CREATE OR REPLACE TRIGGER mirror_new_customer_to_profiles
    AFTER INSERT ON public.customers
    FOR EACH ROW
    WHEN (
        (NEW.preferred_stylist_id IS NOT NULL OR NEW.no_show_count <> 0)
        AND current_setting('tenancy.mirroring', TRUE) IS DISTINCT FROM 'on'
    )
    EXECUTE FUNCTION tenancy.mirror_customers_to_profiles();
    CREATE OR REPLACE TRIGGER mirror_statistics_to_profiles
    AFTER INSERT OR UPDATE OR DELETE ON public.customer_booking_stats
    FOR EACH ROW
    WHEN (current_setting('tenancy.mirroring', TRUE) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION tenancy.mirror_statistics_to_profiles();
    CREATE OR REPLACE TRIGGER mirror_profile_to_legacy
    AFTER INSERT OR UPDATE OR DELETE ON public.customer_shop_profiles
    FOR EACH ROW
    EXECUTE FUNCTION tenancy.mirror_profiles_to_legacy();
    CREATE OR REPLACE TRIGGER mirror_stylist_preference_to_profile
    AFTER INSERT OR UPDATE OR DELETE ON public.customer_stylist_preferences
    FOR EACH ROW
    WHEN (current_setting('tenancy.mirroring', TRUE) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION tenancy.mirror_stylist_preferences_to_profiles();
    CREATE OR REPLACE TRIGGER refuse_truncate
    BEFORE TRUNCATE ON public.customers
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.refuse_truncate();
    CREATE OR REPLACE TRIGGER refuse_truncate
    BEFORE TRUNCATE ON public.customer_booking_stats
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.refuse_truncate();
    CREATE OR REPLACE TRIGGER refuse_truncate
    BEFORE TRUNCATE ON public.customer_shop_profiles
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.refuse_truncate();
    CREATE OR REPLACE TRIGGER refuse_truncate
    BEFORE TRUNCATE ON public.customer_stylist_preferences
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.refuse_truncate();
    COMMENT ON TRIGGER confirm_booking ON public.bookings IS 'Locks the customer of a booking that turns CONFIRMED.';
    COMMENT ON TRIGGER confirm_new_booking ON public.bookings IS 'Locks the customer of a booking that is inserted as CONFIRMED.';
    COMMENT ON TRIGGER mirror_customer_to_profiles ON public.customers IS
    'Mirror: no-shows and preferred stylist, to the profiles.';
    COMMENT ON TRIGGER mirror_new_customer_to_profiles ON public.customers IS
    'Mirror: no-shows and preferred stylist of a new customer, to the profiles.';
    COMMENT ON TRIGGER mirror_statistics_to_profiles ON public.customer_booking_stats IS 'Mirror: totals, to the profiles.';
    COMMENT ON TRIGGER mirror_profile_to_legacy ON public.customer_shop_profiles IS
    'Mirror: a profile, to customer_booking_stats and customers.';
    COMMENT ON TRIGGER mirror_stylist_preference_to_profile ON public.customer_stylist_preferences IS
    'Mirror: the stylist booked most, to the profile of the shop.';
    COMMENT ON TRIGGER refuse_truncate ON public.customers IS 'Refuses TRUNCATE, which no mirror sees.';
    COMMENT ON TRIGGER refuse_truncate ON public.customer_booking_stats IS 'Refuses TRUNCATE, which no mirror sees.';
    COMMENT ON TRIGGER refuse_truncate ON public.customer_shop_profiles IS 'Refuses TRUNCATE, which no mirror sees.';
    COMMENT ON TRIGGER refuse_truncate ON public.customer_stylist_preferences IS 'Refuses TRUNCATE, which no mirror sees.';
END;
$$;
ALTER PROCEDURE tenancy.attach_mirrors() OWNER TO postgres;
COMMENT ON PROCEDURE tenancy.attach_mirrors() IS 'Part of deploying phase 2 and of reverting the contract: creates the triggers of the dual write, all at one moment. The caller has locked the tables. Example: CALL tenancy.attach_mirrors()';
CREATE FUNCTION tenancy.attributed_shop(customer_id integer, last_booking_at timestamp with time zone DEFAULT NULL::timestamp with time zone, last_booking_before timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    shop integer;
BEGIN
    IF current_setting('app.current_shop_id', TRUE) <> '' THEN
        RETURN tenancy.current_shop();
    END IF;
    shop := (nullif(current_setting('tenancy.confirmed', TRUE), '')::jsonb -> customer_id::text)::integer;
    -- A correction, which leaves last_booking_at as it is: no need to look for the booking.
    IF shop IS NULL AND last_booking_at = last_booking_before THEN
        SELECT min(p.shop_id)
        INTO shop
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = attributed_shop.customer_id
            AND p.last_booking_at = attributed_shop.last_booking_at;
    END IF;
    IF shop IS NULL THEN
        SELECT s.shop_id
        INTO shop
        FROM tenancy.shop_of_last_booking(attributed_shop.customer_id, attributed_shop.last_booking_at) AS s;
    END IF;
    RETURN shop;
END;
$$;
ALTER FUNCTION tenancy.attributed_shop(customer_id integer, last_booking_at timestamp with time zone, last_booking_before timestamp with time zone) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.attributed_shop(customer_id integer, last_booking_at timestamp with time zone, last_booking_before timestamp with time zone) IS 'The shop that a legacy write to this customer belongs to: the shop context, else the shop of the booking that this transaction confirmed for the customer and that no statistics counted yet, else the profile that holds a last_booking_at which the write leaves as it was, else tenancy.shop_of_last_booking(). Example: SELECT tenancy.attributed_shop(42, ''2026-03-01 10:00+00'')';
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
    average_spend_cents integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    email character varying(255),
    id integer NOT NULL,
    name character varying(255),
    no_show_count integer DEFAULT 0 NOT NULL,
    phone character varying(32),
    preferred_stylist_id integer,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customers OWNER TO postgres;
COMMENT ON COLUMN public.customers.preferred_stylist_id IS 'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.set_preferred_stylist(), read customer_shop_profiles.preferred_stylist_id.';
COMMENT ON COLUMN public.customers.average_spend_cents IS 'DEPRECATED (ADR-0001), goes in phase 3. Instead: read tenancy.customer_context(), or tenancy.customer_totals for all shops.';
COMMENT ON COLUMN public.customers.no_show_count IS 'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.record_no_show(), read customer_shop_profiles.no_show_count.';
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
CREATE FUNCTION tenancy.both_sides(customer_ids integer[]) RETURNS TABLE(customer_id integer, shop_id integer, field text, value text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT
        s.customer_id,
        NULL::integer,
        'customer_booking_stats.' || f.key,
        f.value
    FROM public.customer_booking_stats AS s
    CROSS JOIN LATERAL jsonb_each_text(to_jsonb(s) - '{customer_id,created_at,updated_at}'::text[]) AS f (key, value)
    WHERE s.customer_id = ANY (both_sides.customer_ids) -- noqa: CP03,LT01,LT06
    UNION ALL
    SELECT
        c.id,
        NULL,
        'customers.' || f.key,
        f.value
    FROM public.customers AS c
    CROSS JOIN LATERAL
        jsonb_each_text(
            to_jsonb(c) - '{id,email,phone,name,created_at,updated_at}'::text[]
        ) AS f (key, value)
    WHERE c.id = ANY (both_sides.customer_ids) -- noqa: CP03,LT01,LT06
    UNION ALL
    SELECT
        p.customer_id,
        p.shop_id,
        'customer_shop_profiles.' || f.key,
        f.value
    FROM public.customer_shop_profiles AS p
    CROSS JOIN LATERAL
        jsonb_each_text(
            to_jsonb(p) - '{id,customer_id,shop_id,created_at,updated_at}'::text[]
        ) AS f (key, value)
    WHERE p.customer_id = ANY (both_sides.customer_ids); -- noqa: CP03,LT01,LT06
$$;
ALTER FUNCTION tenancy.both_sides(customer_ids integer[]) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.both_sides(customer_ids integer[]) IS 'What both sides hold of these customers, a row a value. Example: SELECT * FROM tenancy.both_sides(ARRAY[42])';
CREATE FUNCTION tenancy.catch_up_customer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM tenancy.repair(
        ARRAY[tenancy.lock_customer_of_booking(NEW.customer_phone, NEW.customer_email)], is_reconcile => TRUE
    );
    RETURN NEW;
EXCEPTION
    -- Somebody else is at it, or a stylist moves: the reconcile comes later.
    WHEN lock_not_available OR unique_violation OR foreign_key_violation THEN
        RETURN NEW;
END;
$$;
ALTER FUNCTION tenancy.catch_up_customer() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.catch_up_customer() IS 'Trigger: brings the profiles of a booking''s customer up to date before the booking is confirmed. What was written before the mirrors were there then goes to the shops it belongs to, not to the shop of this booking. Only during the reconcile.';
CREATE FUNCTION tenancy.check_access(customer_id integer, shop_id integer) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    -- As texts first: a context that is no shop is an error of its own.
    IF shop_id::text IS DISTINCT FROM current_setting('app.current_shop_id', TRUE)
        AND shop_id IS DISTINCT FROM tenancy.current_shop()
    THEN
        RAISE EXCEPTION 'shop % is not the shop context: SET LOCAL app.current_shop_id = ''<id>''', coalesce(shop_id::text, 'NULL')
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- Whoever could name any customer would learn who they are: so a shop knows those with a profile there, or a booking.
    IF NOT EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = check_access.customer_id
            AND p.shop_id = check_access.shop_id
    )
    AND NOT EXISTS (
        SELECT
        FROM tenancy.bookings_of(check_access.customer_id) AS b
        WHERE b.shop_id = check_access.shop_id
    ) THEN
        RAISE EXCEPTION 'customer % does not exist', coalesce(customer_id::text, 'NULL') -- to this shop
            USING ERRCODE = 'foreign_key_violation';
    END IF;
END;
$$;
ALTER FUNCTION tenancy.check_access(customer_id integer, shop_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.check_access(customer_id integer, shop_id integer) IS 'Fails for a shop that is not the shop context (42501), and for a customer whom the shop does not know (23503, as for one who does not exist). For callers that are restricted. Example: SELECT tenancy.check_access(42, 3)';
CREATE PROCEDURE tenancy.check_contract(IN contract text, IN quiet_period text, IN customer_ids integer[] DEFAULT NULL::integer[])
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    findings text;
BEGIN
    IF NOT tenancy.has_legacy_side() THEN
        RETURN; -- the script runs again
    END IF;
    IF contract IS DISTINCT FROM 'yes' THEN
        RAISE EXCEPTION 'the contract takes customer_booking_stats and columns of customers away, so it is not deployed unasked: '
            'read docs/phase-3.md, see what "convo-tenancy contract --dry-run" says, then run sqitch deploy --set contract=yes'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF nullif(quiet_period, '')::interval < interval '0' THEN
        RAISE EXCEPTION 'legacy_quiet_period is "%", expected a time like 1 hour, or 0', quiet_period
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT string_agg(format('%s: %s (%s; remedy: %s)', f.occurrences, f.finding, f.example, f.remedy), '. ')
    INTO findings
    FROM tenancy.contract_findings(nullif(quiet_period, '')::interval, customer_ids) AS f;
    IF findings IS NOT NULL THEN
        RAISE EXCEPTION 'the contract is refused and changed nothing. %', findings
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;
ALTER PROCEDURE tenancy.check_contract(IN contract text, IN quiet_period text, IN customer_ids integer[]) OWNER TO postgres;
COMMENT ON PROCEDURE tenancy.check_contract(IN contract text, IN quiet_period text, IN customer_ids integer[]) IS 'The gate: fails (55000) unless contract is yes and tenancy.contract_findings() finds nothing. After the contract it passes. Example: CALL tenancy.check_contract(''yes'', ''1 hour'')';
CREATE FUNCTION tenancy.check_shop(shop_id integer) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.shops AS s WHERE s.id = check_shop.shop_id) THEN
        RAISE EXCEPTION 'shop % does not exist', coalesce(shop_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;
END;
$$;
ALTER FUNCTION tenancy.check_shop(shop_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.check_shop(shop_id integer) IS 'Fails for a shop that does not exist (23503). Example: SELECT tenancy.check_shop(3)';
CREATE FUNCTION tenancy.check_stylist(stylist_id integer, shop_id integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    works_in integer;
BEGIN
    SELECT s.shop_id
    INTO works_in
    FROM public.stylists AS s
    WHERE s.id = check_stylist.stylist_id
    FOR KEY SHARE; -- until the end of the transaction they do not move
    IF works_in = shop_id THEN
        RETURN;
    END IF;
    PERFORM tenancy.check_shop(shop_id);
    IF works_in IS NULL OR tenancy.is_restricted() THEN -- whom another shop has is nothing to this one
        RAISE EXCEPTION 'stylist % does not exist', coalesce(stylist_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RAISE EXCEPTION 'stylist % works in shop %, not in shop %', stylist_id, works_in, shop_id
        USING ERRCODE = 'foreign_key_violation';
END;
$$;
ALTER FUNCTION tenancy.check_stylist(stylist_id integer, shop_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.check_stylist(stylist_id integer, shop_id integer) IS 'Fails for a shop or a stylist that does not exist, and for a stylist of another shop (23503); else keeps them there until the end of the transaction. Example: SELECT tenancy.check_stylist(7, 3)';
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
CREATE FUNCTION tenancy.confirm_booking() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    customer CONSTANT integer := tenancy.lock_customer_of_booking(NEW.customer_phone, NEW.customer_email);
    notes text := coalesce(nullif(current_setting('tenancy.confirmed', TRUE), ''), '{}');
BEGIN
    IF customer IS NULL THEN
        RETURN NEW;
    END IF;
    -- For the mirror of the statistics. A statement that confirms thousands must not build a list of them all:
    -- whose note is lost, their shop is found by the start of the booking.
    IF length(notes) > 1000 THEN
        notes := '{}';
    END IF;
    notes := set_config('tenancy.confirmed', (notes::jsonb || jsonb_build_object(customer, NEW.shop_id))::text, TRUE);
    RETURN NEW;
END;
$$;
ALTER FUNCTION tenancy.confirm_booking() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.confirm_booking() IS 'Trigger: a booking that turns CONFIRMED locks its customer, and notes the shop for the statistics that will count it. So whoever reads the statistics afterwards, to write them back changed, reads what is true until the end of the transaction.';
CREATE FUNCTION tenancy.contract_findings(quiet_period interval DEFAULT NULL::interval, customer_ids integer[] DEFAULT NULL::integer[]) RETURNS TABLE(finding text, occurrences bigint, example text, remedy text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY
    WITH quiet AS (
        SELECT coalesce(contract_findings.quiet_period, s.legacy_quiet_period) AS period
        FROM tenancy.settings AS s
    )
    SELECT
        f.finding,
        f.occurrences,
        f.example,
        f.remedy
    FROM (
        SELECT
            1 AS position,
            'customers drift' AS finding,
            count(*) AS occurrences,
            min(
                format(
                    'customer %s, %s: legacy %s, profile %s', d.customer_id, d.kind,
                    coalesce(d.legacy_value, 'none'), coalesce(d.profile_value, 'none')
                )
            ) AS example,
            'convo-tenancy repair' AS remedy
        FROM tenancy.drift AS d
        WHERE contract_findings.customer_ids IS NULL
            OR d.customer_id = ANY (contract_findings.customer_ids)
        UNION ALL
        SELECT
            2,
            'parts of the dual write are missing, disabled or altered',
            count(*),
            min(
                deployed.name || CASE
                    WHEN found.name IS NULL THEN ' is missing'
                    WHEN NOT found.is_enabled THEN ' is disabled'
                    ELSE ' is altered'
                END
            ),
            'convo-tenancy health names the command for each; if they are meant, psql -f deploy/migrate/contract_findings.sql'
        FROM tenancy.deployed_parts AS deployed
        LEFT JOIN tenancy.dual_write_parts AS found ON found.name = deployed.name
        WHERE found.name IS NULL
            OR NOT found.is_enabled
            OR found.fingerprint <> deployed.fingerprint
        UNION ALL
        SELECT
            3,
            'foreign keys of customer_shop_profiles are missing or not validated',
            count(*),
            min(wanted.name || CASE WHEN found.oid IS NULL THEN ' is missing' ELSE ' is not validated' END),
            'psql -f deploy/expand/customer_shop_profiles_foreign_keys.sql'
        FROM (
            VALUES
                ('customer_shop_profiles_customer_id_fkey'),
                ('customer_shop_profiles_shop_id_fkey'),
                ('customer_shop_profiles_preferred_stylist_id_fkey'),
                ('customer_shop_profiles_preferred_stylist_shop_fkey')
        ) AS wanted (name)
        LEFT JOIN pg_constraint AS found
            ON found.conrelid = 'public.customer_shop_profiles'::regclass
            AND found.conname = wanted.name
        WHERE found.convalidated IS NOT TRUE
        UNION ALL
        SELECT
            4,
            format('applications wrote to the legacy side within %s', quiet.period),
            count(*),
            min(format('"%s" as %s, last at %s', w.application_name, w.role_name, w.last_at)),
            'move or stop them and wait, or shorten the time: sqitch deploy --set contract=yes --set legacy_quiet_period=''1 hour'''
        FROM tenancy.legacy_writers AS w
        CROSS JOIN quiet
        WHERE w.last_at > now() - quiet.period
            AND quiet.period <> '0' -- also of who wrote after this transaction began
        GROUP BY quiet.period
        UNION ALL
        SELECT
            5,
            'other objects depend on what goes',
            count(*),
            min(dependent.name),
            'move them to the profiles or drop them'
        FROM (
            SELECT DISTINCT pg_describe_object(coalesce(r.classid, d.classid), coalesce(r.objid, d.objid), 0) AS name
            FROM pg_depend AS d
            -- A view depends by its rule.
            LEFT JOIN (
                SELECT
                    w.oid,
                    'pg_class'::regclass AS classid,
                    w.ev_class AS objid
                FROM pg_rewrite AS w
            ) AS r
                ON d.classid = 'pg_rewrite'::regclass
                AND r.oid = d.objid
            LEFT JOIN pg_attribute AS a
                ON a.attrelid = d.refobjid
                AND a.attnum = d.refobjsubid
            WHERE d.refclassid = 'pg_class'::regclass
                AND (d.deptype = 'n' OR d.classid = 'pg_class'::regclass) -- an index would go with its column
                AND (
                    (d.refobjid = 'public.customer_booking_stats'::regclass AND d.deptype = 'n')
                    OR (
                        d.refobjid = 'public.customers'::regclass
                        AND a.attname IN ('preferred_stylist_id', 'average_spend_cents', 'no_show_count')
                    )
                )
                AND r.objid IS DISTINCT FROM to_regclass('tenancy.drift')
                -- Ours: triggers
                AND NOT EXISTS (
                    SELECT
                    FROM pg_trigger AS t
                    JOIN pg_proc AS p ON p.oid = t.tgfoid
                    WHERE d.classid = 'pg_trigger'::regclass
                        AND t.oid = d.objid
                        AND p.pronamespace = 'tenancy'::regnamespace
                )
                -- The foreign keys of the legacy side itself
                AND NOT EXISTS (
                    SELECT
                    FROM pg_constraint AS c
                    WHERE d.classid = 'pg_constraint'::regclass
                        AND c.oid = d.objid
                        AND c.conrelid IN ('public.customers'::regclass, 'public.customer_booking_stats'::regclass)
                )
        ) AS dependent
    ) AS f
    WHERE f.occurrences > 0
    ORDER BY f.position;
END;
$$;
ALTER FUNCTION tenancy.contract_findings(quiet_period interval, customer_ids integer[]) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.contract_findings(quiet_period interval, customer_ids integer[]) IS 'What keeps the contract (phase 3) from being safe, a row a kind: what, how often, an example, what to do. No row: the gate is open. quiet_period is how long nobody must have written to the legacy side; by default that of tenancy.settings, and 0 for no matter. With customer_ids, only their drift is looked at. Example: SELECT * FROM tenancy.contract_findings()';
CREATE FUNCTION tenancy.current_shop() RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    context CONSTANT text := nullif(current_setting('app.current_shop_id', TRUE), ''); -- '' after a SET LOCAL
BEGIN
    IF context IS NULL THEN
        RETURN NULL;
    END IF;
    IF context !~ '^[0-9]{1,9}$' OR NOT EXISTS (SELECT FROM public.shops AS s WHERE s.id = context::integer) THEN
        RAISE EXCEPTION 'app.current_shop_id is "%", not the id of a shop: SET LOCAL app.current_shop_id = ''<id>''', context
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN context::integer;
END;
$_$;
ALTER FUNCTION tenancy.current_shop() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.current_shop() IS 'The shop context: the setting app.current_shop_id. NULL when it is not set or empty; a value that is no shop is an error (22023). Example: SET LOCAL app.current_shop_id = ''3''; SELECT tenancy.current_shop()';
CREATE FUNCTION tenancy.customer_by_email(wanted_email text) RETURNS TABLE(customer_id integer, email character varying, phone character varying, name character varying)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    normalized CONSTANT text := tenancy.normalized_email(wanted_email);
BEGIN
    IF tenancy.is_restricted() AND tenancy.shop_in_context() IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT
        c.id,
        c.email,
        c.phone,
        c.name
    FROM public.customers AS c
    WHERE c.email = normalized;
END;
$$;
ALTER FUNCTION tenancy.customer_by_email(wanted_email text) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.customer_by_email(wanted_email text) IS 'The customer with this email address; no row if there is none. Example: SELECT * FROM tenancy.customer_by_email(''ann@example.com'')';
CREATE FUNCTION tenancy.customer_by_phone(wanted_phone text) RETURNS TABLE(customer_id integer, email character varying, phone character varying, name character varying)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    normalized CONSTANT text := tenancy.normalized_phone(wanted_phone);
BEGIN
    IF tenancy.is_restricted() AND tenancy.shop_in_context() IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT
        c.id,
        c.email,
        c.phone,
        c.name
    FROM public.customers AS c
    WHERE c.phone = normalized
    ORDER BY c.id
    LIMIT 1;
END;
$$;
ALTER FUNCTION tenancy.customer_by_phone(wanted_phone text) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.customer_by_phone(wanted_phone text) IS 'The customer with this phone number, the lowest id of several; no row if there is none. Example: SELECT * FROM tenancy.customer_by_phone(''+15550109999'')';
CREATE FUNCTION tenancy.customer_context(wanted_customer_id integer, wanted_shop_id integer) RETURNS TABLE(customer_id integer, shop_id integer, email character varying, phone character varying, name character varying, preferred_stylist_id integer, preferred_stylist_name character varying, average_spend_cents integer, total_bookings integer, total_spend_cents integer, no_show_count integer, last_booking_at timestamp with time zone, last_service_id integer, last_service_name character varying, last_stylist_id integer, last_stylist_name character varying)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM tenancy.current_shop(); -- a context that is no shop is an error in every call
    PERFORM tenancy.check_shop(wanted_shop_id);
    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(wanted_customer_id, wanted_shop_id);
    END IF;
    RETURN QUERY
    SELECT
        c.id,
        wanted_shop_id,
        c.email,
        c.phone,
        c.name,
        p.preferred_stylist_id,
        preferred.name,
        CASE WHEN p.total_bookings > 0 THEN p.total_spend_cents / p.total_bookings ELSE 0 END,
        coalesce(p.total_bookings, 0),
        coalesce(p.total_spend_cents, 0),
        coalesce(p.no_show_count, 0),
        p.last_booking_at,
        v.id,
        v.name,
        t.id,
        t.name
    FROM public.customers AS c
    LEFT JOIN public.customer_shop_profiles AS p
        ON p.customer_id = c.id
        AND p.shop_id = wanted_shop_id
    LEFT JOIN public.stylists AS preferred ON preferred.id = p.preferred_stylist_id
    LEFT JOIN LATERAL (
        SELECT
            b.service_id,
            b.stylist_id
        FROM tenancy.bookings_of(c.id, c.phone, c.email) AS b
        WHERE b.shop_id = wanted_shop_id
            AND b.status = 'CONFIRMED'
        ORDER BY b.start_at_utc = p.last_booking_at DESC NULLS LAST, b.created_at DESC, b.id DESC
        LIMIT 1
    ) AS newest ON TRUE
    LEFT JOIN public.services AS v ON v.id = newest.service_id
    LEFT JOIN public.stylists AS t ON t.id = newest.stylist_id
    WHERE c.id = wanted_customer_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'customer % does not exist', coalesce(wanted_customer_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;
END;
$$;
ALTER FUNCTION tenancy.customer_context(wanted_customer_id integer, wanted_shop_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.customer_context(wanted_customer_id integer, wanted_shop_id integer) IS 'What one shop knows of a customer: who they are, whom they prefer, what they spent there, and their last service and stylist there (of the confirmed booking at last_booking_at, else of the newest). One row, with zeros and NULLs for who is new to the shop. Unknown customer or shop: 23503. Example: SELECT * FROM tenancy.customer_context(42, 3)';
CREATE FUNCTION tenancy.customers_by_preferred_stylist(wanted_stylist_id integer) RETURNS TABLE(customer_id integer, email character varying, phone character varying, name character varying)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    shop integer;
BEGIN
    SELECT s.shop_id
    INTO shop
    FROM public.stylists AS s
    WHERE s.id = wanted_stylist_id;
    IF NOT FOUND OR (tenancy.is_restricted() AND shop IS DISTINCT FROM tenancy.shop_in_context()) THEN
        RAISE EXCEPTION 'stylist % does not exist', coalesce(wanted_stylist_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN QUERY
    SELECT
        c.id,
        c.email,
        c.phone,
        c.name
    FROM public.customer_shop_profiles AS p
    JOIN public.customers AS c ON c.id = p.customer_id
    WHERE p.shop_id = shop -- by the index on the shop
        AND p.preferred_stylist_id = wanted_stylist_id
    ORDER BY
        p.total_spend_cents / greatest(p.total_bookings, 1) DESC,
        c.id;
END;
$$;
ALTER FUNCTION tenancy.customers_by_preferred_stylist(wanted_stylist_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.customers_by_preferred_stylist(wanted_stylist_id integer) IS 'The customers who prefer this stylist, in the stylist''s shop, those who spend most a booking there first. Unknown stylist: 23503. Example: SELECT * FROM tenancy.customers_by_preferred_stylist(7)';
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
CREATE PROCEDURE tenancy.detach_mirrors()
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET client_min_messages TO 'warning'
    AS $$
BEGIN
    DROP TRIGGER IF EXISTS confirm_booking ON public.bookings;
    DROP TRIGGER IF EXISTS confirm_new_booking ON public.bookings;
    DROP TRIGGER IF EXISTS catch_up_booking ON public.bookings;
    DROP TRIGGER IF EXISTS catch_up_new_booking ON public.bookings;
    DROP TRIGGER IF EXISTS mirror_customer_to_profiles ON public.customers;
    DROP TRIGGER IF EXISTS mirror_new_customer_to_profiles ON public.customers;
    DROP TRIGGER IF EXISTS refuse_truncate ON public.customers;
    DROP TRIGGER IF EXISTS mirror_statistics_to_profiles ON public.customer_booking_stats;
    DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_booking_stats;
    DROP TRIGGER IF EXISTS mirror_profile_to_legacy ON public.customer_shop_profiles;
    DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_shop_profiles;
    DROP TRIGGER IF EXISTS mirror_stylist_preference_to_profile ON public.customer_stylist_preferences;
    DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_stylist_preferences;
END;
$$;
ALTER PROCEDURE tenancy.detach_mirrors() OWNER TO postgres;
COMMENT ON PROCEDURE tenancy.detach_mirrors() IS 'Part of reverting phase 2 and of the contract: drops the triggers of the dual write, and those of the reconcile. The caller has locked the tables. Example: CALL tenancy.detach_mirrors()';
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
CREATE FUNCTION tenancy.follow_counts(preferred_stylist_id integer, customer_id integer, shop_id integer, stylist_id integer, count_before integer, count_after integer) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    other record;
BEGIN
    -- The usual case, at no cost: one more booking with the stylist who is preferred.
    IF preferred_stylist_id = stylist_id AND count_after >= count_before THEN
        RETURN preferred_stylist_id;
    END IF;
    SELECT
        p.stylist_id,
        p.booking_count
    INTO other
    FROM public.customer_stylist_preferences AS p
    JOIN public.stylists AS s ON s.id = p.stylist_id
    WHERE p.customer_id = follow_counts.customer_id
        AND s.shop_id = follow_counts.shop_id
        AND p.stylist_id <> follow_counts.stylist_id
    ORDER BY p.booking_count DESC, p.stylist_id
    LIMIT 1;
    RETURN CASE
        WHEN preferred_stylist_id IS NULL
            OR preferred_stylist_id = tenancy.more_booked(stylist_id, count_before, other.stylist_id, other.booking_count)
            THEN tenancy.more_booked(stylist_id, count_after, other.stylist_id, other.booking_count)
        ELSE preferred_stylist_id
    END;
END;
$$;
ALTER FUNCTION tenancy.follow_counts(preferred_stylist_id integer, customer_id integer, shop_id integer, stylist_id integer, count_before integer, count_after integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.follow_counts(preferred_stylist_id integer, customer_id integer, shop_id integer, stylist_id integer, count_before integer, count_after integer) IS 'The preferred stylist of a customer in a shop after the count of one stylist''s bookings there changed (NULL: no count): the stylist booked most, if nobody was preferred or the one booked most before; else who was preferred: counts never override a choice. Example: SELECT tenancy.follow_counts(NULL, 42, 3, 7, NULL, 1)';
CREATE FUNCTION tenancy.get_or_create_customer(email text, phone text, name text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    wanted_email CONSTANT text := tenancy.normalized_email(email);
    wanted_phone CONSTANT text := tenancy.normalized_phone(phone);
    is_restricted CONSTANT boolean NOT NULL := tenancy.is_restricted();
    shop CONSTANT integer := CASE WHEN is_restricted THEN tenancy.current_shop() END;
    customer integer;
BEGIN
    IF wanted_email IS NULL AND wanted_phone IS NULL THEN
        RAISE EXCEPTION 'a customer needs an email address or a phone number'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF is_restricted AND shop IS NULL THEN
        RAISE EXCEPTION 'no shop context: SET LOCAL app.current_shop_id = ''<id>'''
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR attempt IN 1 .. 2 LOOP
        customer := coalesce(
            (SELECT c.customer_id FROM tenancy.customer_by_phone(wanted_phone) AS c),
            (SELECT c.customer_id FROM tenancy.customer_by_email(wanted_email) AS c)
        );
        EXIT WHEN customer IS NOT NULL;
        -- Nothing in the table keeps two calls from making two customers with one phone: they queue here, and
        -- the second looks again.
        IF attempt = 1 THEN
            PERFORM pg_advisory_xact_lock(hashtextextended(k.key, 0))
            FROM (VALUES ('email ' || wanted_email), ('phone ' || wanted_phone)) AS k (key)
            WHERE k.key IS NOT NULL;
        END IF;
    END LOOP;
    IF customer IS NULL THEN
        INSERT INTO public.customers AS c (email, phone, name)
        VALUES (wanted_email, wanted_phone, nullif(btrim(get_or_create_customer.name), ''))
        ON CONFLICT DO NOTHING
        RETURNING c.id INTO customer;
        -- The legacy application, which does not queue, was quicker.
        customer := coalesce(customer, (SELECT c.customer_id FROM tenancy.customer_by_email(wanted_email) AS c));
        IF customer IS NULL THEN
            RAISE EXCEPTION 'customer % was made by another transaction: try again', wanted_email
                USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;
    -- Who gave their phone or email to a shop is known to it from now on.
    IF is_restricted THEN
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        SELECT
            customer,
            shop
        WHERE NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = customer
                AND p.shop_id = shop
        )
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END IF;
    RETURN customer;
END;
$$;
ALTER FUNCTION tenancy.get_or_create_customer(email text, phone text, name text) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.get_or_create_customer(email text, phone text, name text) IS 'The id of the customer with this phone number, else with this email address, else of a new one. Normalises both as the legacy application does; changes nothing of a customer who is there. Several calls at a time give one customer (by phone alone at READ COMMITTED or SERIALIZABLE only: nothing in the table keeps phones apart). Neither email nor phone: 22023. For a member of convo_shop the customer gets a profile in the shop context, and so is known to that shop; without one: 42501. Example: SELECT tenancy.get_or_create_customer(''ann@example.com'', ''(555) 010-9999'', ''Ann'')';
CREATE FUNCTION tenancy.has_legacy_side() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN true;
ALTER FUNCTION tenancy.has_legacy_side() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.has_legacy_side() IS 'Whether customer_booking_stats and the columns of customers that move are there, mirrored: the contract (phase 3) makes it false, its revert true, in the transaction that switches. Asked after the first lock, it is right until the transaction ends, so a call that waited for the switch goes on as it is meant to. Example: SELECT tenancy.has_legacy_side()';
CREATE FUNCTION tenancy.is_restricted() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (pg_has_role((COALESCE(NULLIF(current_setting('role'::text), 'none'::text), (SESSION_USER)::text))::name, 'convo_shop'::name, 'USAGE'::text) AND (NOT pg_has_role((COALESCE(NULLIF(current_setting('role'::text), 'none'::text), (SESSION_USER)::text))::name, CURRENT_USER, 'USAGE'::text)));
ALTER FUNCTION tenancy.is_restricted() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.is_restricted() IS 'For functions with their owner''s rights: whether who called is bound to one shop, as a member of convo_shop who is neither the owner nor a superuser. SECURITY DEFINER changes current_user, and neither the session''s user nor the role that it set. Example: IF tenancy.is_restricted() THEN PERFORM tenancy.check_access(42, 3); END IF';
CREATE FUNCTION tenancy.lock_customer(customer_id integer, changes_totals boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    attempts CONSTANT integer := 200; -- about three seconds
    caller_lock_timeout text;
    has_customer boolean;
BEGIN
    IF current_setting('app.current_shop_id', TRUE) <> '' THEN
        PERFORM tenancy.current_shop(); -- a context that is no shop is an error in every call
    END IF;
    -- Whoever confirmed a booking of theirs holds the customer anyway, and cannot give it back: no subtransaction, then,
    -- whose lock costs a multixact once the row is updated.
    IF tenancy.has_legacy_side() AND nullif(current_setting('tenancy.confirmed', TRUE), '')::jsonb ? customer_id::text THEN
        PERFORM
        FROM public.customer_booking_stats AS s
        WHERE s.customer_id = lock_customer.customer_id
        FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    -- A legacy transaction that confirms nothing may hold the statistics and come to want the customer: so
    -- nobody may wait for the statistics while holding the customer. The subtransaction gives the customer back.
    FOR attempt IN 1 .. attempts LOOP
        has_customer := FALSE;
        BEGIN
            PERFORM
            FROM public.customers AS c
            WHERE c.id = lock_customer.customer_id
            FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'customer % does not exist', coalesce(lock_customer.customer_id::text, 'NULL')
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            has_customer := TRUE;
            -- The wait may have been for a revert, which takes the mirrors away next; or for the contract.
            IF to_regprocedure('tenancy.lock_customer(integer, boolean)') IS NULL THEN
                RAISE EXCEPTION 'the SQL API was taken away while this call waited: try again'
                    USING ERRCODE = 'serialization_failure';
            END IF;
            IF NOT tenancy.has_legacy_side() THEN
                RETURN;
            END IF;
            FOR statistics IN 1 .. 2 LOOP
                PERFORM
                FROM public.customer_booking_stats AS s
                WHERE s.customer_id = lock_customer.customer_id
                FOR NO KEY UPDATE NOWAIT;
                IF FOUND OR NOT changes_totals THEN
                    RETURN;
                END IF;
                caller_lock_timeout := current_setting('lock_timeout');
                PERFORM set_config('lock_timeout', '5ms', TRUE); -- somebody may be inserting it, too
                INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
                VALUES (lock_customer.customer_id, 0, 0)
                ON CONFLICT DO NOTHING;
                PERFORM set_config('lock_timeout', caller_lock_timeout, TRUE);
            END LOOP;
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                IF NOT has_customer THEN
                    RAISE; -- the caller's own lock_timeout
                END IF;
        END;
        PERFORM pg_sleep(0.005 + 0.02 * random());
    END LOOP;
    RAISE EXCEPTION 'could not lock customer %: the statistics are held by another transaction, try again', customer_id
        USING ERRCODE = 'lock_not_available';
END;
$$;
ALTER FUNCTION tenancy.lock_customer(customer_id integer, changes_totals boolean) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.lock_customer(customer_id integer, changes_totals boolean) IS 'Locks a customer, and what the legacy side knows of them, in the canonical order and without ever waiting for the second while it holds the first. With changes_totals it sees to it that there are statistics to change. Unknown customer: 23503; held for seconds: 55P03; phase 2 was reverted meanwhile: 40001. Example: SELECT tenancy.lock_customer(42)';
CREATE FUNCTION tenancy.lock_customer_of_booking(customer_phone character varying, customer_email character varying) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    customer integer;
BEGIN
    SELECT c.id
    INTO customer
    FROM public.customers AS c
    WHERE c.phone = lock_customer_of_booking.customer_phone
    ORDER BY c.id
    LIMIT 1
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        SELECT c.id
        INTO customer
        FROM public.customers AS c
        WHERE c.email = lock_customer_of_booking.customer_email
        FOR NO KEY UPDATE;
    END IF;
    RETURN customer;
END;
$$;
ALTER FUNCTION tenancy.lock_customer_of_booking(customer_phone character varying, customer_email character varying) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.lock_customer_of_booking(customer_phone character varying, customer_email character varying) IS 'Locks the customer whose a booking with this phone and email is, as tenancy.bookings_of() has it, and returns the id; NULL if there is none. Example: SELECT tenancy.lock_customer_of_booking(''+15550109999'', ''ann@example.com'')';
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
CREATE FUNCTION tenancy.mirror_customers_to_profiles() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    no_shows_before CONSTANT integer NOT NULL := CASE TG_OP WHEN 'UPDATE' THEN OLD.no_show_count ELSE 0 END;
    stylist_before CONSTANT integer := CASE TG_OP WHEN 'UPDATE' THEN OLD.preferred_stylist_id END;
    shop integer;
BEGIN
    -- As the row is by now: a trigger of somebody else's may have written it again.
    SELECT
        c.no_show_count,
        c.preferred_stylist_id
    INTO
        NEW.no_show_count,
        NEW.preferred_stylist_id
    FROM public.customers AS c
    WHERE c.id = NEW.id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF NEW.no_show_count <> no_shows_before THEN
        PERFORM tenancy.apply_residual(
            NEW.id, tenancy.attributed_shop(NEW.id), no_show_count => NEW.no_show_count
        );
    END IF;
    IF NEW.preferred_stylist_id IS DISTINCT FROM stylist_before THEN
        -- Locked before its shop is read: a stylist who is moving is in one shop or the other.
        SELECT s.shop_id
        INTO shop
        FROM public.stylists AS s
        WHERE s.id = coalesce(NEW.preferred_stylist_id, stylist_before)
        FOR KEY SHARE;
        -- NULL takes back what was preferred, and no choice of another stylist in that shop.
        IF NEW.preferred_stylist_id IS NOT NULL
            OR EXISTS (
                SELECT
                FROM public.customer_shop_profiles AS p
                WHERE p.customer_id = NEW.id
                    AND p.shop_id = shop
                    AND p.preferred_stylist_id = stylist_before
            )
        THEN
            PERFORM tenancy.prefer_stylist(NEW.id, shop, NEW.preferred_stylist_id);
        END IF;
    END IF;
    PERFORM tenancy.note_legacy_write();
    RETURN NULL;
END;
$$;
ALTER FUNCTION tenancy.mirror_customers_to_profiles() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.mirror_customers_to_profiles() IS 'Trigger: carries a customer''s no_show_count, by the residual rule, and preferred_stylist_id to the profiles. A preference goes to the profile of that stylist''s shop; other shops keep theirs.';
CREATE FUNCTION tenancy.mirror_profiles_to_legacy() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    -- A mirror's own write; and not that of a shop's role which set the guard itself.
    IF current_setting('tenancy.mirroring', TRUE) = 'on' AND (pg_trigger_depth() > 1 OR NOT tenancy.is_restricted()) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.customer_id, NEW.shop_id) = (OLD.customer_id, OLD.shop_id) THEN
        PERFORM tenancy.apply_delta(OLD, NEW);
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM tenancy.apply_delta(OLD, NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM tenancy.apply_delta(NULL, NEW);
    END IF;
    RETURN NULL;
END;
$$;
ALTER FUNCTION tenancy.mirror_profiles_to_legacy() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.mirror_profiles_to_legacy() IS 'Trigger: carries what changed in a profile to the legacy side (tenancy.apply_delta).';
CREATE FUNCTION tenancy.mirror_statistics_to_profiles() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    earlier tenancy.statistics; -- the customer's row before; NULL if there was none
    notes text := nullif(current_setting('tenancy.confirmed', TRUE), '');
    average integer;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.customer_id = OLD.customer_id THEN
        earlier := (OLD.customer_id, OLD.total_bookings, OLD.total_spend_cents, OLD.last_booking_at);
    ELSIF TG_OP <> 'INSERT' THEN
        -- The row went, and the totals with it.
        PERFORM tenancy.apply_residual(p.customer_id, p.shop_id, total_bookings => 0, total_spend_cents => 0)
        FROM (
            SELECT
                o.customer_id,
                min(o.shop_id) AS shop_id
            FROM public.customer_shop_profiles AS o
            WHERE o.customer_id = OLD.customer_id
            GROUP BY o.customer_id
        ) AS p;
    END IF;
    IF TG_OP = 'INSERT' AND NEW.total_bookings = 0 AND NEW.total_spend_cents = 0 AND NEW.last_booking_at IS NULL THEN
        RETURN NULL; -- says nothing
    END IF;
    IF TG_OP <> 'DELETE' THEN
        -- As the row is by now: a trigger of somebody else's may have written it again.
        SELECT
            s.total_bookings,
            s.total_spend_cents,
            s.last_booking_at
        INTO
            NEW.total_bookings,
            NEW.total_spend_cents,
            NEW.last_booking_at
        FROM public.customer_booking_stats AS s
        WHERE s.customer_id = NEW.customer_id;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        PERFORM tenancy.apply_residual(
            NEW.customer_id,
            tenancy.attributed_shop(NEW.customer_id, NEW.last_booking_at, earlier.last_booking_at),
            total_bookings => NEW.total_bookings,
            total_spend_cents => NEW.total_spend_cents,
            last_booking_at => nullif(NEW.last_booking_at, earlier.last_booking_at),
            earlier => earlier
        );
        -- The confirmed booking is counted. The application compared the new average with one that it read before
        -- the booking locked the customer: what it did not write back, is written here.
        IF notes::jsonb ? NEW.customer_id::text THEN
            notes := set_config('tenancy.confirmed', (notes::jsonb - NEW.customer_id::text)::text, TRUE);
            average := NEW.total_spend_cents / nullif(greatest(NEW.total_bookings, 0), 0);
            IF (SELECT c.average_spend_cents <> average FROM public.customers AS c WHERE c.id = NEW.customer_id) THEN
                UPDATE public.customers AS c
                SET
                    average_spend_cents = average,
                    updated_at = now()
                WHERE c.id = NEW.customer_id;
            END IF;
        END IF;
    END IF;
    PERFORM tenancy.note_legacy_write();
    RETURN NULL;
END;
$$;
ALTER FUNCTION tenancy.mirror_statistics_to_profiles() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.mirror_statistics_to_profiles() IS 'Trigger: carries a write to customer_booking_stats to the profile of the shop that it belongs to (tenancy.attributed_shop), by the residual rule. An inserted row of zeros says nothing; a deleted one, that the totals are zero.';
CREATE FUNCTION tenancy.mirror_stylist_preferences_to_profiles() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.customer_id = OLD.customer_id AND NEW.stylist_id = OLD.stylist_id THEN
        -- As a rule it is one more booking with the stylist who is preferred anyway.
        IF NEW.booking_count < OLD.booking_count OR NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = NEW.customer_id
                AND p.preferred_stylist_id = NEW.stylist_id
        ) THEN
            PERFORM tenancy.move_preference(NEW.customer_id, NEW.stylist_id, OLD.booking_count, NEW.booking_count);
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM tenancy.move_preference(OLD.customer_id, OLD.stylist_id, OLD.booking_count, NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM tenancy.move_preference(NEW.customer_id, NEW.stylist_id, NULL, NEW.booking_count);
    END IF;
    RETURN NULL;
END;
$$;
ALTER FUNCTION tenancy.mirror_stylist_preferences_to_profiles() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.mirror_stylist_preferences_to_profiles() IS 'Trigger: the preferred stylist of a profile follows customer_stylist_preferences, while nobody chose another.';
CREATE FUNCTION tenancy.more_booked(stylist_id integer, booking_count integer, other_stylist_id integer, other_booking_count integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (booking_count IS NULL) THEN other_stylist_id WHEN (other_booking_count IS NULL) THEN stylist_id WHEN (ROW(booking_count, other_stylist_id) > ROW(other_booking_count, stylist_id)) THEN stylist_id ELSE other_stylist_id END;
ALTER FUNCTION tenancy.more_booked(stylist_id integer, booking_count integer, other_stylist_id integer, other_booking_count integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.more_booked(stylist_id integer, booking_count integer, other_stylist_id integer, other_booking_count integer) IS 'Which of two stylists was booked more often; of two with one count, the one with the lower id; a stylist without a count never. Example: tenancy.more_booked(7, 3, 5, 3) = 5';
CREATE FUNCTION tenancy.move_preference(customer_id integer, stylist_id integer, count_before integer, count_after integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    shop integer;
    preferred integer;
    preferred_count integer;
    moved_to integer;
BEGIN
    -- First without locks, since as a rule nothing moves; then again with them.
    FOR attempt IN 1 .. 2 LOOP
        SELECT
            s.shop_id,
            p.preferred_stylist_id,
            c.booking_count
        INTO
            shop,
            preferred,
            preferred_count
        FROM public.stylists AS s
        LEFT JOIN public.customer_shop_profiles AS p
            ON p.customer_id = move_preference.customer_id
            AND p.shop_id = s.shop_id
        LEFT JOIN public.customer_stylist_preferences AS c
            ON c.customer_id = move_preference.customer_id
            AND c.stylist_id = p.preferred_stylist_id
        WHERE s.id = move_preference.stylist_id;
        IF preferred <> stylist_id AND preferred_count > count_after THEN
            RETURN; -- chosen or booked most, the preferred one is not overtaken
        END IF;
        moved_to := tenancy.follow_counts(preferred, customer_id, shop, stylist_id, count_before, count_after);
        -- Where customers.preferred_stylist_id names somebody of this shop, that is who is preferred: the two sides
        -- would disagree else. The application moves it next, if it moves.
        IF moved_to IS NOT DISTINCT FROM preferred OR EXISTS (
            SELECT
            FROM public.customers AS c
            JOIN public.stylists AS s ON s.id = c.preferred_stylist_id
            WHERE c.id = move_preference.customer_id
                AND s.shop_id = shop
        ) THEN
            RETURN;
        END IF;
        IF attempt = 1 THEN
            PERFORM
            FROM public.stylists AS s
            WHERE s.id IN (move_preference.stylist_id, moved_to)
            ORDER BY s.id
            FOR KEY SHARE;
            -- So that there is a row to lock.
            INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
            VALUES (move_preference.customer_id, shop)
            ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
            PERFORM
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = move_preference.customer_id
                AND p.shop_id = shop
            FOR NO KEY UPDATE;
        END IF;
    END LOOP;
    PERFORM tenancy.prefer_stylist(customer_id, shop, moved_to);
END;
$$;
ALTER FUNCTION tenancy.move_preference(customer_id integer, stylist_id integer, count_before integer, count_after integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.move_preference(customer_id integer, stylist_id integer, count_before integer, count_after integer) IS 'Lets the preferred stylist of a profile follow the counts (tenancy.follow_counts) after one of them changed (NULL: no row). Example: SELECT tenancy.move_preference(42, 7, NULL, 1)';
CREATE FUNCTION tenancy.normalized_email(email text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (email ~~ '%@%'::text) THEN lower(btrim(email, ' 	
'::text)) ELSE NULL::text END;
ALTER FUNCTION tenancy.normalized_email(email text) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.normalized_email(email text) IS 'An email address as the legacy application stores it: trimmed, in lower case; NULL for what is none. Example: tenancy.normalized_email('' Ann@Example.com '') = ''ann@example.com''';
CREATE FUNCTION tenancy.normalized_phone(phone text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (regexp_replace(phone, '[^0-9]'::text, ''::text, 'g'::text) = ''::text) THEN NULL::text WHEN ((phone ~~ '%+%'::text) OR (length(regexp_replace(phone, '[^0-9]'::text, ''::text, 'g'::text)) > 10)) THEN ('+'::text || regexp_replace(phone, '[^0-9]'::text, ''::text, 'g'::text)) WHEN (length(regexp_replace(phone, '[^0-9]'::text, ''::text, 'g'::text)) = 10) THEN ('+1'::text || regexp_replace(phone, '[^0-9]'::text, ''::text, 'g'::text)) ELSE NULL::text END;
ALTER FUNCTION tenancy.normalized_phone(phone text) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.normalized_phone(phone text) IS 'A phone number as the legacy application stores it: + and digits; ten digits without a + get +1; NULL for what is no number (fewer digits without a +). Example: tenancy.normalized_phone(''(555) 010-9999'') = ''+15550109999''';
CREATE FUNCTION tenancy.note_legacy_write() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    writer CONSTANT text := current_setting('role') || ' ' || current_setting('application_name');
    period CONSTANT text := date_part('epoch', now())::bigint / 300; -- five minutes
    is_known CONSTANT boolean := coalesce(current_setting('tenancy.legacy_writer', TRUE) = writer, FALSE);
    pending text := '0'; -- what this connection wrote and did not write down
BEGIN
    IF is_known THEN
        pending := current_setting('tenancy.legacy_writes');
    END IF;
    IF NOT is_known OR current_setting('tenancy.legacy_period') <> period THEN
        -- A new connection writes only if nobody of its kind did lately: applications that connect for each
        -- request must not fill the table.
        INSERT INTO tenancy.legacy_writes (application_name, role_name, writes, written_at)
        SELECT
            w.application_name,
            w.role_name,
            pending::bigint + 1,
            now()
        FROM (
            SELECT
                current_setting('application_name') AS application_name,
                coalesce(nullif(current_setting('role'), 'none'), session_user) AS role_name
        ) AS w
        WHERE is_known
            OR NOT EXISTS (
                SELECT
                FROM tenancy.legacy_writes AS l
                WHERE l.application_name = w.application_name
                    AND l.role_name = w.role_name
                    AND l.written_at > now() - interval '5 minutes'
            );
        IF FOUND THEN
            pending := '-1';
        END IF;
        PERFORM
            set_config('tenancy.legacy_writer', writer, FALSE),
            set_config('tenancy.legacy_period', period, FALSE);
    END IF;
    pending := set_config('tenancy.legacy_writes', (pending::bigint + 1)::text, FALSE);
END;
$$;
ALTER FUNCTION tenancy.note_legacy_write() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.note_legacy_write() IS 'Counts a direct write to the legacy side, in settings of the session, which an abort takes back, too; writes the count down every five minutes. Example: SELECT tenancy.note_legacy_write()';
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
CREATE FUNCTION tenancy.prefer_stylist(customer_id integer, shop_id integer, stylist_id integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
BEGIN
    guard := set_config('tenancy.mirroring', 'on', TRUE);
    FOR attempt IN 1 .. 2 LOOP
        UPDATE public.customer_shop_profiles AS p
        SET
            preferred_stylist_id = prefer_stylist.stylist_id,
            updated_at = now()
        WHERE p.customer_id = prefer_stylist.customer_id
            AND p.shop_id = prefer_stylist.shop_id;
        EXIT WHEN FOUND;
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (prefer_stylist.customer_id, prefer_stylist.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END LOOP;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
END;
$$;
ALTER FUNCTION tenancy.prefer_stylist(customer_id integer, shop_id integer, stylist_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.prefer_stylist(customer_id integer, shop_id integer, stylist_id integer) IS 'Writes a preference of the legacy side to the profile of one shop. Not mirrored. The caller has locked the stylist (FOR KEY SHARE) before it read the shop. Example: SELECT tenancy.prefer_stylist(42, 3, 7)';
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
CREATE FUNCTION tenancy.reconcile_step(customer_ids integer[], OUT state text, OUT detail text, OUT repaired integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    repaired := (SELECT count(DISTINCT r.customer_id) FROM tenancy.repair(customer_ids, is_reconcile => TRUE) AS r);
    state := 'done';
EXCEPTION
    WHEN lock_not_available
        OR unique_violation
        OR foreign_key_violation
        OR serialization_failure
        OR deadlock_detected
    THEN
        state := 'waiting';
        detail := format('customers from %s to %s: %s', customer_ids[1], customer_ids[cardinality(customer_ids)], sqlerrm);
        repaired := 0;
END;
$$;
ALTER FUNCTION tenancy.reconcile_step(customer_ids integer[], OUT state text, OUT detail text, OUT repaired integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.reconcile_step(customer_ids integer[], OUT state text, OUT detail text, OUT repaired integer) IS 'One batch of the reconcile. state is done, or waiting (somebody holds one of these customers; detail says more): call again later. Example: SELECT * FROM tenancy.reconcile_step(ARRAY[42])';
CREATE FUNCTION tenancy.record_booking(customer_id integer, shop_id integer, stylist_id integer, spend_cents integer, booked_at timestamp with time zone) RETURNS public.customer_shop_profiles
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    profile public.customer_shop_profiles;
    count_before integer; -- of the stylist's bookings; NULL if there was none
    preferred integer;
BEGIN
    IF spend_cents IS NULL OR spend_cents < 0 THEN
        RAISE EXCEPTION 'spend_cents is %, expected 0 or more', coalesce(spend_cents::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF booked_at IS NULL THEN
        RAISE EXCEPTION 'booked_at is NULL, expected the start of the booking'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    guard := set_config('tenancy.mirroring', '', TRUE); -- whatever the caller set
    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(customer_id, shop_id);
    END IF;
    PERFORM tenancy.lock_customer(customer_id, changes_totals => TRUE);
    PERFORM tenancy.check_stylist(stylist_id, shop_id);
    FOR attempt IN 1 .. 2 LOOP
        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = p.total_bookings + 1,
            total_spend_cents = p.total_spend_cents + spend_cents,
            last_booking_at = booked_at,
            updated_at = now()
        WHERE p.customer_id = record_booking.customer_id
            AND p.shop_id = record_booking.shop_id
        RETURNING p.* INTO profile;
        EXIT WHEN FOUND;
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (record_booking.customer_id, record_booking.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END LOOP;
    -- The profile follows the count below: nothing to mirror.
    guard := set_config('tenancy.mirroring', 'on', TRUE);
    UPDATE public.customer_stylist_preferences AS p
    SET
        booking_count = p.booking_count + 1,
        updated_at = now()
    WHERE p.customer_id = record_booking.customer_id
        AND p.stylist_id = record_booking.stylist_id
    RETURNING p.booking_count - 1 INTO count_before;
    IF NOT FOUND THEN
        INSERT INTO public.customer_stylist_preferences AS p (customer_id, stylist_id, booking_count)
        VALUES (record_booking.customer_id, record_booking.stylist_id, 1)
        ON CONFLICT ON CONSTRAINT uq_customer_stylist_preference DO UPDATE
        SET
            booking_count = p.booking_count + 1,
            updated_at = now()
        RETURNING nullif(p.booking_count - 1, 0) INTO count_before;
    END IF;
    -- One more booking with who is preferred changes nothing.
    IF profile.preferred_stylist_id IS DISTINCT FROM stylist_id THEN
        preferred := tenancy.follow_counts(
            profile.preferred_stylist_id, customer_id, shop_id, stylist_id, count_before, coalesce(count_before, 0) + 1
        );
        IF preferred IS DISTINCT FROM profile.preferred_stylist_id THEN
            guard := set_config('tenancy.mirroring', '', TRUE);
            UPDATE public.customer_shop_profiles AS p
            SET preferred_stylist_id = preferred
            WHERE p.id = profile.id
            RETURNING p.* INTO profile;
        END IF;
    END IF;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN profile;
END;
$$;
ALTER FUNCTION tenancy.record_booking(customer_id integer, shop_id integer, stylist_id integer, spend_cents integer, booked_at timestamp with time zone) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.record_booking(customer_id integer, shop_id integer, stylist_id integer, spend_cents integer, booked_at timestamp with time zone) IS 'Counts a booking of a customer in a shop: totals, last booking, the stylist''s count, and who is preferred there while nobody was chosen. Returns the profile. Call it in the transaction that confirms the booking: called again after a lost reply to a COMMIT, it counts twice. Unknown customer, shop or stylist, or a stylist of another shop: 23503; a negative amount: 22023. Example: SELECT * FROM tenancy.record_booking(42, 3, 7, 4500, ''2026-03-01 10:00+00'')';
CREATE FUNCTION tenancy.record_no_show(customer_id integer, shop_id integer) RETURNS public.customer_shop_profiles
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    profile public.customer_shop_profiles;
BEGIN
    guard := set_config('tenancy.mirroring', '', TRUE); -- whatever the caller set
    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(customer_id, shop_id);
    END IF;
    PERFORM tenancy.check_shop(shop_id);
    PERFORM tenancy.lock_customer(customer_id);
    FOR attempt IN 1 .. 2 LOOP
        UPDATE public.customer_shop_profiles AS p
        SET
            no_show_count = p.no_show_count + 1,
            updated_at = now()
        WHERE p.customer_id = record_no_show.customer_id
            AND p.shop_id = record_no_show.shop_id
        RETURNING p.* INTO profile;
        EXIT WHEN FOUND;
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (record_no_show.customer_id, record_no_show.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END LOOP;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN profile;
END;
$$;
ALTER FUNCTION tenancy.record_no_show(customer_id integer, shop_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.record_no_show(customer_id integer, shop_id integer) IS 'Counts a booking in a shop that the customer did not keep. Returns the profile. Unknown customer or shop: 23503. Example: SELECT * FROM tenancy.record_no_show(42, 3)';
CREATE FUNCTION tenancy.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of %.% cannot be mirrored: use DELETE, or sqitch revert --to @phase1 first',
        quote_ident(TG_TABLE_SCHEMA), quote_ident(TG_TABLE_NAME)
        USING ERRCODE = 'feature_not_supported';
END;
$$;
ALTER FUNCTION tenancy.refuse_truncate() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.refuse_truncate() IS 'Trigger: TRUNCATE fires no trigger for the rows, so the other side would keep them.';
CREATE FUNCTION tenancy.repair(customer_ids integer[], source text DEFAULT 'legacy'::text, is_reconcile boolean DEFAULT false) RETURNS TABLE(customer_id integer, shop_id integer, field text, value_before text, value_after text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '500ms'
    SET jit TO 'off'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    locked integer[];
    sides_before jsonb;
    drifted record;
BEGIN
    IF source IS NULL OR source NOT IN ('legacy', 'profiles') THEN
        RAISE EXCEPTION 'source is "%", expected legacy or profiles', source
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    locked := ARRAY(
        SELECT c.id
        FROM public.customers AS c
        WHERE c.id = ANY (customer_ids)
        ORDER BY c.id
        FOR NO KEY UPDATE
    );
    PERFORM
    FROM public.customer_booking_stats AS s
    WHERE s.customer_id = ANY (locked)
    ORDER BY s.customer_id
    FOR NO KEY UPDATE;
    -- New statements, and so new snapshots: they see what those who had the locks committed.
    sides_before := (SELECT jsonb_agg(b) FROM tenancy.both_sides(locked) AS b);
    guard := set_config('tenancy.mirroring', 'on', TRUE);
    FOR drifted IN
        SELECT
            d.customer_id AS id,
            array_agg(DISTINCT d.kind) AS kinds
        FROM tenancy.drift AS d
        WHERE d.customer_id = ANY (locked)
        GROUP BY d.customer_id
        ORDER BY d.customer_id
    LOOP
        -- A writer that read these rows before and waits (REPEATABLE READ) must fail, not write over the repair.
        UPDATE public.customers AS c SET no_show_count = c.no_show_count WHERE c.id = drifted.id;
        UPDATE public.customer_booking_stats AS s SET total_bookings = s.total_bookings WHERE s.customer_id = drifted.id;
        UPDATE public.customer_shop_profiles AS p
        SET
            preferred_stylist_id = NULL,
            updated_at = now()
        WHERE p.customer_id = drifted.id
            AND 'foreign_stylist' = ANY (drifted.kinds)
            AND NOT EXISTS (
                SELECT
                FROM public.stylists AS s
                WHERE s.id = p.preferred_stylist_id
                    AND s.shop_id = p.shop_id
            );
        IF 'missing_profile' = ANY (drifted.kinds) THEN
            PERFORM tenancy.fill_profiles(ARRAY[drifted.id]); -- whatever the source: profiles that are not there say nothing
        ELSIF source = 'profiles' THEN
            PERFORM tenancy.repair_from_profiles(drifted.id, drifted.kinds);
        ELSIF is_reconcile AND NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            CROSS JOIN tenancy.backfill_progress AS b
            WHERE p.customer_id = drifted.id
                AND (p.updated_at <> p.created_at OR p.created_at > coalesce(b.finished_at, 'infinity'))
        ) THEN
            PERFORM tenancy.split_anew(drifted.id);
        ELSE
            PERFORM tenancy.repair_from_legacy(drifted.id, drifted.kinds);
        END IF;
    END LOOP;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN QUERY
    SELECT
        coalesce(before.customer_id, after.customer_id),
        coalesce(before.shop_id, after.shop_id),
        coalesce(before.field, after.field),
        before.value,
        after.value
    FROM jsonb_to_recordset(sides_before) AS before (customer_id integer, shop_id integer, field text, value text)
    FULL JOIN tenancy.both_sides(locked) AS after
        ON after.customer_id = before.customer_id
        AND coalesce(after.shop_id, -1) = coalesce(before.shop_id, -1)
        AND after.field = before.field
    WHERE before.value IS DISTINCT FROM after.value
    ORDER BY
        1,
        2 NULLS FIRST,
        3;
END;
$$;
ALTER FUNCTION tenancy.repair(customer_ids integer[], source text, is_reconcile boolean) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.repair(customer_ids integer[], source text, is_reconcile boolean) IS 'Mends the drift of these customers, and returns each value that it changed. source says which side is right: legacy (by the residual rule; in the reconcile, profiles that are as the backfill left them are split anew) or profiles (totals are sums); what is negative there is left alone. Missing profiles come from the legacy side and a stylist of another shop is cleared, whatever the source. Waits half a second for a lock at most (55P03). Run it in a transaction and roll back for a dry run. Example: SELECT * FROM tenancy.repair(ARRAY(SELECT d.customer_id FROM tenancy.drift AS d LIMIT 100))';
CREATE FUNCTION tenancy.repair_from_legacy(customer_id integer, kinds text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    customer record;
    is_right boolean; -- negative totals are nobody's
BEGIN
    SELECT
        coalesce(s.total_bookings, 0) AS total_bookings,
        coalesce(s.total_spend_cents, 0) AS total_spend_cents,
        s.last_booking_at,
        c.no_show_count,
        c.preferred_stylist_id,
        t.shop_id AS preferred_shop_id,
        l.shop_id
    INTO customer
    FROM public.customers AS c
    LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
    LEFT JOIN public.stylists AS t ON t.id = c.preferred_stylist_id
    CROSS JOIN LATERAL tenancy.shop_of_last_booking(c.id, s.last_booking_at) AS l
    WHERE c.id = repair_from_legacy.customer_id;
    is_right := least(customer.total_bookings, customer.total_spend_cents) >= 0;
    IF 'negative' = ANY (kinds) THEN
        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = greatest(p.total_bookings, 0),
            total_spend_cents = greatest(p.total_spend_cents, 0),
            no_show_count = greatest(p.no_show_count, 0),
            updated_at = now()
        WHERE p.customer_id = repair_from_legacy.customer_id
            AND least(p.total_bookings, p.total_spend_cents, p.no_show_count) < 0;
    END IF;
    IF kinds && '{totals,last_booking_at,no_show_count,negative}' THEN
        PERFORM tenancy.apply_residual(
            repair_from_legacy.customer_id,
            customer.shop_id,
            total_bookings => CASE WHEN kinds && '{totals,negative}' AND is_right THEN customer.total_bookings END,
            total_spend_cents => CASE WHEN kinds && '{totals,negative}' AND is_right THEN customer.total_spend_cents END,
            last_booking_at => CASE WHEN 'last_booking_at' = ANY (kinds) THEN customer.last_booking_at END,
            no_show_count => CASE
                WHEN kinds && '{no_show_count,negative}' AND customer.no_show_count >= 0 THEN customer.no_show_count
            END
        );
    END IF;
    IF 'preferred_stylist' = ANY (kinds) THEN
        PERFORM tenancy.prefer_stylist(
            repair_from_legacy.customer_id, customer.preferred_shop_id, customer.preferred_stylist_id
        );
    END IF;
END;
$$;
ALTER FUNCTION tenancy.repair_from_legacy(customer_id integer, kinds text[]) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.repair_from_legacy(customer_id integer, kinds text[]) IS 'Part of tenancy.repair(): mends these kinds of drift of one customer by the residual rule; the legacy side is right.';
CREATE FUNCTION tenancy.repair_from_profiles(customer_id integer, kinds text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    IF kinds && '{totals,last_booking_at,negative}' THEN
        INSERT INTO public.customer_booking_stats AS s (
            customer_id, total_bookings, total_spend_cents, last_booking_at
        )
        SELECT
            p.customer_id,
            sum(p.total_bookings),
            sum(p.total_spend_cents),
            max(p.last_booking_at)
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = repair_from_profiles.customer_id
        GROUP BY p.customer_id
        HAVING least(min(p.total_bookings), min(p.total_spend_cents)) >= 0
        ON CONFLICT (customer_id) DO UPDATE
        SET
            total_bookings = excluded.total_bookings,
            total_spend_cents = excluded.total_spend_cents,
            last_booking_at = CASE
                WHEN 'last_booking_at' = ANY (kinds) THEN excluded.last_booking_at
                ELSE s.last_booking_at
            END,
            updated_at = now();
    END IF;
    IF kinds && '{totals,no_show_count,preferred_stylist,negative}' THEN
        UPDATE public.customers AS c
        SET
            average_spend_cents = CASE
                WHEN kinds && '{totals,negative}' AND profiles.lowest_total >= 0 THEN coalesce(profiles.average_spend_cents, 0)
                ELSE c.average_spend_cents
            END,
            no_show_count = CASE WHEN profiles.lowest_no_shows >= 0 THEN profiles.no_show_count ELSE c.no_show_count END,
            preferred_stylist_id = CASE
                WHEN 'preferred_stylist' = ANY (kinds) THEN (
                    SELECT p.preferred_stylist_id
                    FROM public.stylists AS s
                    JOIN public.customer_shop_profiles AS p ON p.shop_id = s.shop_id
                    WHERE s.id = c.preferred_stylist_id
                        AND p.customer_id = c.id
                )
                ELSE c.preferred_stylist_id
            END,
            updated_at = now()
        FROM (
            SELECT
                sum(p.total_spend_cents) / nullif(sum(p.total_bookings), 0) AS average_spend_cents,
                least(min(p.total_bookings), min(p.total_spend_cents)) AS lowest_total,
                sum(p.no_show_count) AS no_show_count,
                min(p.no_show_count) AS lowest_no_shows
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = repair_from_profiles.customer_id
        ) AS profiles
        WHERE c.id = repair_from_profiles.customer_id;
    END IF;
END;
$$;
ALTER FUNCTION tenancy.repair_from_profiles(customer_id integer, kinds text[]) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.repair_from_profiles(customer_id integer, kinds text[]) IS 'Part of tenancy.repair(): mends these kinds of drift of one customer; the profiles are right.';
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
CREATE PROCEDURE tenancy.run_reconcile(IN batch_size integer DEFAULT 50)
    LANGUAGE plpgsql
    AS $$
DECLARE
    drifted integer[];
    step record;
    repaired bigint;
    waiting boolean;
    reported_at timestamptz := pg_catalog.clock_timestamp();
BEGIN
    IF (SELECT b.finished_at IS NULL FROM tenancy.backfill_progress AS b) THEN
        RAISE EXCEPTION 'the backfill is not complete: CALL tenancy.run_backfill(), then run the same again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    LOOP
        drifted := ARRAY(SELECT DISTINCT d.customer_id FROM tenancy.drift AS d ORDER BY d.customer_id);
        COMMIT; -- and let go of the snapshot
        EXIT WHEN pg_catalog.cardinality(drifted) = 0;
        repaired := 0;
        waiting := FALSE;
        FOR batch_start IN 1 .. pg_catalog.cardinality(drifted) BY batch_size LOOP
            SELECT s.* INTO STRICT step FROM tenancy.reconcile_step(drifted[batch_start : batch_start + batch_size - 1]) AS s;
            COMMIT;
            repaired := repaired + step.repaired;
            waiting := waiting OR step.state = 'waiting';
            IF step.state = 'waiting' OR pg_catalog.clock_timestamp() > reported_at + interval '10 seconds' THEN
                reported_at := pg_catalog.clock_timestamp();
                RAISE NOTICE 'reconcile: % of % customers looked at, % repaired%',
                    least(batch_start + batch_size - 1, pg_catalog.cardinality(drifted)), pg_catalog.cardinality(drifted), repaired,
                    coalesce('; comes back to ' || step.detail, '');
            END IF;
        END LOOP;
        IF repaired = 0 AND NOT waiting THEN
            RAISE WARNING 'the legacy side itself is wrong for % customers: SELECT * FROM tenancy.drift',
                pg_catalog.cardinality(drifted);
            EXIT;
        END IF;
        batch_size := greatest(batch_size / 2, 1); -- whom somebody holds, more closely
    END LOOP;
END;
$$;
ALTER PROCEDURE tenancy.run_reconcile(IN batch_size integer) OWNER TO postgres;
COMMENT ON PROCEDURE tenancy.run_reconcile(IN batch_size integer) IS 'Catches up what was written between the backfill and the mirrors, in batches that it commits; ends when both sides agree. Interrupted, run it again. Outside a transaction only. Example: CALL tenancy.run_reconcile()';
CREATE FUNCTION tenancy.set_preferred_stylist(customer_id integer, shop_id integer, stylist_id integer) RETURNS public.customer_shop_profiles
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    profile public.customer_shop_profiles;
BEGIN
    guard := set_config('tenancy.mirroring', '', TRUE); -- whatever the caller set
    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(customer_id, shop_id);
    END IF;
    PERFORM tenancy.check_shop(shop_id);
    PERFORM tenancy.lock_customer(customer_id);
    IF stylist_id IS NOT NULL THEN
        PERFORM tenancy.check_stylist(stylist_id, shop_id);
    END IF;
    FOR attempt IN 1 .. 2 LOOP
        UPDATE public.customer_shop_profiles AS p
        SET
            preferred_stylist_id = set_preferred_stylist.stylist_id,
            updated_at = now()
        WHERE p.customer_id = set_preferred_stylist.customer_id
            AND p.shop_id = set_preferred_stylist.shop_id
        RETURNING p.* INTO profile;
        EXIT WHEN FOUND;
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (set_preferred_stylist.customer_id, set_preferred_stylist.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END LOOP;
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN profile;
END;
$$;
ALTER FUNCTION tenancy.set_preferred_stylist(customer_id integer, shop_id integer, stylist_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.set_preferred_stylist(customer_id integer, shop_id integer, stylist_id integer) IS 'Writes down whom a customer prefers in a shop; NULL for nobody. Returns the profile. Unknown customer, shop or stylist, or a stylist of another shop: 23503. Example: SELECT * FROM tenancy.set_preferred_stylist(42, 3, 7)';
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
CREATE FUNCTION tenancy.shop_in_context() RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.current_shop_id'::text, true), ''::text))::integer;
ALTER FUNCTION tenancy.shop_in_context() OWNER TO postgres;
COMMENT ON FUNCTION tenancy.shop_in_context() IS 'The shop context as the policies read it: NULL, and so no row at all, when none is set. Whether there is such a shop, tenancy.current_shop() checks. Example: SELECT tenancy.shop_in_context()';
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
CREATE FUNCTION tenancy.shop_of_last_booking(customer_id integer, last_booking_at timestamp with time zone) RETURNS TABLE(shop_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT COALESCE(( SELECT b.shop_id
            FROM tenancy.bookings_of(shop_of_last_booking.customer_id) b(id, shop_id, service_id, stylist_id, status, appointment_status, start_at_utc, created_at)
           WHERE (b.start_at_utc = shop_of_last_booking.last_booking_at)
           ORDER BY (b.status = 'CONFIRMED'::public.bookingstatus) DESC, b.created_at DESC, b.id DESC
          LIMIT 1), ( SELECT p.shop_id
            FROM public.customer_shop_profiles p
           WHERE ((p.customer_id = shop_of_last_booking.customer_id) AND (p.last_booking_at = shop_of_last_booking.last_booking_at))
           ORDER BY p.shop_id
          LIMIT 1), ( SELECT d.default_shop_id
            FROM tenancy.settings d)) AS "coalesce";
END;
ALTER FUNCTION tenancy.shop_of_last_booking(customer_id integer, last_booking_at timestamp with time zone) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.shop_of_last_booking(customer_id integer, last_booking_at timestamp with time zone) IS 'The shop that statistics with this last_booking_at speak of: that of the customer''s booking that starts then (CONFIRMED first, then the newest), else of the profile that holds that time, else the default shop. Example: SELECT * FROM tenancy.shop_of_last_booking(42, ''2026-03-01 10:00+00'')';
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
CREATE FUNCTION tenancy.split_anew(customer_id integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    UPDATE public.customer_shop_profiles AS p
    SET
        preferred_stylist_id = NULL,
        total_bookings = 0,
        total_spend_cents = 0,
        last_booking_at = NULL,
        no_show_count = 0,
        updated_at = now()
    WHERE p.customer_id = split_anew.customer_id;
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
    FROM tenancy.split(ARRAY[split_anew.customer_id]) AS s
    ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO UPDATE
    SET
        preferred_stylist_id = excluded.preferred_stylist_id,
        total_bookings = excluded.total_bookings,
        total_spend_cents = excluded.total_spend_cents,
        last_booking_at = excluded.last_booking_at,
        no_show_count = excluded.no_show_count;
END;
$$;
ALTER FUNCTION tenancy.split_anew(customer_id integer) OWNER TO postgres;
COMMENT ON FUNCTION tenancy.split_anew(customer_id integer) IS 'Part of tenancy.repair(): writes the profiles of one customer as tenancy.split() gives them now.';
CREATE TABLE public.customer_booking_stats (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    customer_id integer NOT NULL,
    last_booking_at timestamp with time zone,
    total_bookings integer NOT NULL,
    total_spend_cents integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.customer_booking_stats OWNER TO postgres;
COMMENT ON TABLE public.customer_booking_stats IS 'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.record_booking(), read customer_shop_profiles, or tenancy.customer_totals for all shops. Mirrored until then.';
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
CREATE VIEW tenancy.customer_totals WITH (security_invoker='true') AS
 SELECT p.customer_id,
    (count(*))::integer AS shops,
    (sum(p.total_bookings))::integer AS total_bookings,
    sum(p.total_spend_cents) AS total_spend_cents,
        CASE
            WHEN (sum(p.total_bookings) > 0) THEN ((sum(p.total_spend_cents) / sum(p.total_bookings)))::integer
            ELSE 0
        END AS average_spend_cents,
    max(p.last_booking_at) AS last_booking_at,
    (sum(p.no_show_count))::integer AS no_show_count
   FROM public.customer_shop_profiles p
  GROUP BY p.customer_id;
ALTER TABLE tenancy.customer_totals OWNER TO postgres;
COMMENT ON VIEW tenancy.customer_totals IS 'A customer across all shops, from the profiles: recognised at every shop (ADR-0001). Example: SELECT * FROM tenancy.customer_totals WHERE customer_id = 42';
COMMENT ON COLUMN tenancy.customer_totals.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.customer_totals.shops IS 'Shops that have a profile of the customer.';
COMMENT ON COLUMN tenancy.customer_totals.total_bookings IS 'Bookings counted in all shops.';
COMMENT ON COLUMN tenancy.customer_totals.total_spend_cents IS 'List price of those bookings, in cents.';
COMMENT ON COLUMN tenancy.customer_totals.average_spend_cents IS 'Integer part of the spend per booking, in cents; 0 without bookings.';
COMMENT ON COLUMN tenancy.customer_totals.last_booking_at IS 'The latest of the shops'' last bookings.';
COMMENT ON COLUMN tenancy.customer_totals.no_show_count IS 'Bookings in all shops that the customer did not keep.';
CREATE TABLE tenancy.deployed_parts (
    fingerprint text NOT NULL,
    name text NOT NULL
);
ALTER TABLE tenancy.deployed_parts OWNER TO postgres;
COMMENT ON TABLE tenancy.deployed_parts IS 'tenancy.dual_write_parts as phase 2 was deployed: the contract refuses what was altered since. After a change that is meant, run psql -f deploy/migrate/contract_findings.sql.';
COMMENT ON COLUMN tenancy.deployed_parts.name IS 'What it is, and its name.';
COMMENT ON COLUMN tenancy.deployed_parts.fingerprint IS 'Of its definition.';
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
CREATE VIEW tenancy.dual_write_parts WITH (security_invoker='true') AS
 SELECT format('trigger %s on %s'::text, t.tgname, (t.tgrelid)::regclass) AS name,
    md5(pg_get_triggerdef(t.oid)) AS fingerprint,
    (t.tgenabled = ANY (ARRAY['O'::"char", 'A'::"char"])) AS is_enabled
   FROM (pg_trigger t
     JOIN pg_proc p ON ((p.oid = t.tgfoid)))
  WHERE (p.pronamespace = ('tenancy'::regnamespace)::oid)
UNION ALL
 SELECT format('function %s'::text, (p.oid)::regprocedure) AS name,
    md5(concat_ws('
'::text, COALESCE(pg_get_function_sqlbody(p.oid), p.prosrc), p.prosecdef, p.provolatile, p.proconfig)) AS fingerprint,
    true AS is_enabled
   FROM pg_proc p
  WHERE (p.pronamespace = ('tenancy'::regnamespace)::oid);
ALTER TABLE tenancy.dual_write_parts OWNER TO postgres;
COMMENT ON VIEW tenancy.dual_write_parts IS 'Triggers and functions of ours as they are now. Example: SELECT * FROM tenancy.dual_write_parts WHERE NOT is_enabled';
COMMENT ON COLUMN tenancy.dual_write_parts.name IS 'What it is, and its name.';
COMMENT ON COLUMN tenancy.dual_write_parts.fingerprint IS 'Of its definition.';
COMMENT ON COLUMN tenancy.dual_write_parts.is_enabled IS 'Whether it does its work.';
CREATE TABLE tenancy.earlier_comments (
    comment text,
    object_name text NOT NULL
);
ALTER TABLE tenancy.earlier_comments OWNER TO postgres;
COMMENT ON TABLE tenancy.earlier_comments IS 'The comments that "deprecated" took the place of; a revert gives them back.';
COMMENT ON COLUMN tenancy.earlier_comments.object_name IS 'The table, or table and column.';
COMMENT ON COLUMN tenancy.earlier_comments.comment IS 'Its comment before; NULL when there was none.';
CREATE TABLE tenancy.legacy_writes (
    application_name text NOT NULL,
    id bigint NOT NULL,
    role_name text NOT NULL,
    writes bigint NOT NULL,
    written_at timestamp with time zone NOT NULL
);
ALTER TABLE tenancy.legacy_writes OWNER TO postgres;
COMMENT ON TABLE tenancy.legacy_writes IS 'Who wrote to the legacy side directly: append-only, at most one row per connection and five minutes, so that nobody waits for anybody. DELETE from it at any time. tenancy.legacy_writers adds it up.';
COMMENT ON COLUMN tenancy.legacy_writes.id IS 'Surrogate key.';
COMMENT ON COLUMN tenancy.legacy_writes.application_name IS 'application_name of the connection that wrote.';
COMMENT ON COLUMN tenancy.legacy_writes.role_name IS 'The role that wrote: that of SET ROLE, else the one that logged in.';
COMMENT ON COLUMN tenancy.legacy_writes.writes IS 'Rows that the connection wrote since its row before.';
COMMENT ON COLUMN tenancy.legacy_writes.written_at IS 'When the last of them was written.';
CREATE VIEW tenancy.legacy_writers WITH (security_invoker='true') AS
 SELECT w.application_name,
    w.role_name,
    (sum(w.writes))::bigint AS writes,
    min(w.written_at) AS first_at,
    max(w.written_at) AS last_at
   FROM tenancy.legacy_writes w
  GROUP BY w.application_name, w.role_name;
ALTER TABLE tenancy.legacy_writers OWNER TO postgres;
COMMENT ON VIEW tenancy.legacy_writers IS 'Who still writes to the legacy side directly. A writer is here from the first write on; what a connection wrote in the last five minutes, or before it ended, may not be counted. Example: SELECT * FROM tenancy.legacy_writers ORDER BY last_at DESC';
COMMENT ON COLUMN tenancy.legacy_writers.application_name IS 'application_name of the connections that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers.role_name IS 'The role that wrote.';
COMMENT ON COLUMN tenancy.legacy_writers.writes IS 'Rows written, at least.';
COMMENT ON COLUMN tenancy.legacy_writers.first_at IS 'When the first was written.';
COMMENT ON COLUMN tenancy.legacy_writers.last_at IS 'When the last was written, to five minutes.';
ALTER TABLE tenancy.legacy_writes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenancy.legacy_writes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
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
ALTER TABLE ONLY tenancy.deployed_parts
    ADD CONSTRAINT deployed_parts_pkey PRIMARY KEY (name);
ALTER TABLE ONLY tenancy.earlier_comments
    ADD CONSTRAINT earlier_comments_pkey PRIMARY KEY (object_name);
ALTER TABLE ONLY tenancy.legacy_writes
    ADD CONSTRAINT legacy_writes_pkey PRIMARY KEY (id);
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
CREATE INDEX legacy_writes_writer_idx ON tenancy.legacy_writes USING btree (application_name, role_name, written_at);
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
CREATE TRIGGER confirm_booking BEFORE UPDATE ON public.bookings FOR EACH ROW WHEN (((new.status = 'CONFIRMED'::public.bookingstatus) AND (old.status <> 'CONFIRMED'::public.bookingstatus))) EXECUTE FUNCTION tenancy.confirm_booking();
COMMENT ON TRIGGER confirm_booking ON public.bookings IS 'Locks the customer of a booking that turns CONFIRMED.';
CREATE TRIGGER confirm_new_booking BEFORE INSERT ON public.bookings FOR EACH ROW WHEN ((new.status = 'CONFIRMED'::public.bookingstatus)) EXECUTE FUNCTION tenancy.confirm_booking();
COMMENT ON TRIGGER confirm_new_booking ON public.bookings IS 'Locks the customer of a booking that is inserted as CONFIRMED.';
CREATE TRIGGER mirror_customer_to_profiles AFTER UPDATE ON public.customers FOR EACH ROW WHEN ((((new.preferred_stylist_id IS DISTINCT FROM old.preferred_stylist_id) OR (new.no_show_count <> old.no_show_count)) AND (current_setting('tenancy.mirroring'::text, true) IS DISTINCT FROM 'on'::text))) EXECUTE FUNCTION tenancy.mirror_customers_to_profiles();
COMMENT ON TRIGGER mirror_customer_to_profiles ON public.customers IS 'Mirror: no-shows and preferred stylist, to the profiles.';
CREATE TRIGGER mirror_new_customer_to_profiles AFTER INSERT ON public.customers FOR EACH ROW WHEN ((((new.preferred_stylist_id IS NOT NULL) OR (new.no_show_count <> 0)) AND (current_setting('tenancy.mirroring'::text, true) IS DISTINCT FROM 'on'::text))) EXECUTE FUNCTION tenancy.mirror_customers_to_profiles();
COMMENT ON TRIGGER mirror_new_customer_to_profiles ON public.customers IS 'Mirror: no-shows and preferred stylist of a new customer, to the profiles.';
CREATE TRIGGER mirror_profile_to_legacy AFTER INSERT OR DELETE OR UPDATE ON public.customer_shop_profiles FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_profiles_to_legacy();
COMMENT ON TRIGGER mirror_profile_to_legacy ON public.customer_shop_profiles IS 'Mirror: a profile, to customer_booking_stats and customers.';
CREATE TRIGGER mirror_statistics_to_profiles AFTER INSERT OR DELETE OR UPDATE ON public.customer_booking_stats FOR EACH ROW WHEN ((current_setting('tenancy.mirroring'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION tenancy.mirror_statistics_to_profiles();
COMMENT ON TRIGGER mirror_statistics_to_profiles ON public.customer_booking_stats IS 'Mirror: totals, to the profiles.';
CREATE TRIGGER mirror_stylist_preference_to_profile AFTER INSERT OR DELETE OR UPDATE ON public.customer_stylist_preferences FOR EACH ROW WHEN ((current_setting('tenancy.mirroring'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION tenancy.mirror_stylist_preferences_to_profiles();
COMMENT ON TRIGGER mirror_stylist_preference_to_profile ON public.customer_stylist_preferences IS 'Mirror: the stylist booked most, to the profile of the shop.';
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customer_booking_stats FOR EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate();
COMMENT ON TRIGGER refuse_truncate ON public.customer_booking_stats IS 'Refuses TRUNCATE, which no mirror sees.';
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customer_shop_profiles FOR EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate();
COMMENT ON TRIGGER refuse_truncate ON public.customer_shop_profiles IS 'Refuses TRUNCATE, which no mirror sees.';
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customer_stylist_preferences FOR EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate();
COMMENT ON TRIGGER refuse_truncate ON public.customer_stylist_preferences IS 'Refuses TRUNCATE, which no mirror sees.';
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customers FOR EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate();
COMMENT ON TRIGGER refuse_truncate ON public.customers IS 'Refuses TRUNCATE, which no mirror sees.';
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
CREATE POLICY as_before ON public.bookings USING (true) WITH CHECK (true);
COMMENT ON POLICY as_before ON public.bookings IS 'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
CREATE POLICY as_before ON public.customer_service_preferences USING (true) WITH CHECK (true);
COMMENT ON POLICY as_before ON public.customer_service_preferences IS 'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
CREATE POLICY as_before ON public.customer_shop_profiles USING (true) WITH CHECK (true);
COMMENT ON POLICY as_before ON public.customer_shop_profiles IS 'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
CREATE POLICY as_before ON public.customer_stylist_preferences USING (true) WITH CHECK (true);
COMMENT ON POLICY as_before ON public.customer_stylist_preferences IS 'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
CREATE POLICY as_before ON public.customers USING (true) WITH CHECK (true);
COMMENT ON POLICY as_before ON public.customers IS 'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
CREATE POLICY as_before ON public.services USING (true) WITH CHECK (true);
COMMENT ON POLICY as_before ON public.services IS 'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
CREATE POLICY as_before ON public.stylists USING (true) WITH CHECK (true);
COMMENT ON POLICY as_before ON public.stylists IS 'Everybody sees and writes what their rights let them, as without row-level security (but for COPY FROM).';
ALTER TABLE public.bookings ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.customer_service_preferences ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.customer_shop_profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.customer_stylist_preferences ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_shop ON public.bookings AS RESTRICTIVE TO convo_shop USING ((shop_id = tenancy.shop_in_context())) WITH CHECK (((shop_id = tenancy.shop_in_context()) AND (EXISTS ( SELECT
   FROM public.stylists s
  WHERE ((s.id = bookings.stylist_id) AND (s.shop_id = tenancy.shop_in_context())))) AND (EXISTS ( SELECT
   FROM public.services s
  WHERE ((s.id = bookings.service_id) AND (s.shop_id = tenancy.shop_in_context())))) AND ((secondary_service_id IS NULL) OR (EXISTS ( SELECT
   FROM public.services s
  WHERE ((s.id = bookings.secondary_service_id) AND (s.shop_id = tenancy.shop_in_context())))))));
COMMENT ON POLICY of_the_shop ON public.bookings IS 'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';
CREATE POLICY of_the_shop ON public.customer_service_preferences AS RESTRICTIVE TO convo_shop USING ((EXISTS ( SELECT
   FROM public.services s
  WHERE ((s.id = customer_service_preferences.service_id) AND (s.shop_id = tenancy.shop_in_context()))))) WITH CHECK (((EXISTS ( SELECT
   FROM public.services s
  WHERE ((s.id = customer_service_preferences.service_id) AND (s.shop_id = tenancy.shop_in_context())))) AND (EXISTS ( SELECT
   FROM public.customers c
  WHERE (c.id = customer_service_preferences.customer_id)))));
COMMENT ON POLICY of_the_shop ON public.customer_service_preferences IS 'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';
CREATE POLICY of_the_shop ON public.customer_shop_profiles AS RESTRICTIVE TO convo_shop USING ((shop_id = tenancy.shop_in_context())) WITH CHECK (((shop_id = tenancy.shop_in_context()) AND ((preferred_stylist_id IS NULL) OR (EXISTS ( SELECT
   FROM public.stylists s
  WHERE ((s.id = customer_shop_profiles.preferred_stylist_id) AND (s.shop_id = tenancy.shop_in_context())))))));
COMMENT ON POLICY of_the_shop ON public.customer_shop_profiles IS 'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';
CREATE POLICY of_the_shop ON public.customer_stylist_preferences AS RESTRICTIVE TO convo_shop USING ((EXISTS ( SELECT
   FROM public.stylists s
  WHERE ((s.id = customer_stylist_preferences.stylist_id) AND (s.shop_id = tenancy.shop_in_context()))))) WITH CHECK (((EXISTS ( SELECT
   FROM public.stylists s
  WHERE ((s.id = customer_stylist_preferences.stylist_id) AND (s.shop_id = tenancy.shop_in_context())))) AND (EXISTS ( SELECT
   FROM public.customers c
  WHERE (c.id = customer_stylist_preferences.customer_id)))));
COMMENT ON POLICY of_the_shop ON public.customer_stylist_preferences IS 'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';
CREATE POLICY of_the_shop ON public.customers AS RESTRICTIVE TO convo_shop USING ((EXISTS ( SELECT
   FROM public.customer_shop_profiles p
  WHERE ((p.customer_id = customers.id) AND (p.shop_id = tenancy.shop_in_context())))));
COMMENT ON POLICY of_the_shop ON public.customers IS 'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';
CREATE POLICY of_the_shop ON public.services AS RESTRICTIVE TO convo_shop USING ((shop_id = tenancy.shop_in_context()));
COMMENT ON POLICY of_the_shop ON public.services IS 'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';
CREATE POLICY of_the_shop ON public.stylists AS RESTRICTIVE TO convo_shop USING ((shop_id = tenancy.shop_in_context()));
COMMENT ON POLICY of_the_shop ON public.stylists IS 'Members of convo_shop see and write rows of the shop context alone (tenancy.shop_in_context).';
ALTER TABLE public.services ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.stylists ENABLE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA tenancy TO convo_shop;
GRANT USAGE ON SCHEMA tenancy TO convo_back_office;
GRANT USAGE ON SCHEMA tenancy TO convo_health;
GRANT SELECT ON TABLE public.customer_shop_profiles TO convo_shop;
GRANT SELECT ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT SELECT ON TABLE public.customer_shop_profiles TO convo_health;
GRANT UPDATE(preferred_stylist_id) ON TABLE public.customer_shop_profiles TO convo_shop;
GRANT UPDATE(preferred_stylist_id) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT UPDATE(total_bookings) ON TABLE public.customer_shop_profiles TO convo_shop;
GRANT UPDATE(total_bookings) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT UPDATE(total_spend_cents) ON TABLE public.customer_shop_profiles TO convo_shop;
GRANT UPDATE(total_spend_cents) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT UPDATE(last_booking_at) ON TABLE public.customer_shop_profiles TO convo_shop;
GRANT UPDATE(last_booking_at) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT UPDATE(no_show_count) ON TABLE public.customer_shop_profiles TO convo_shop;
GRANT UPDATE(no_show_count) ON TABLE public.customer_shop_profiles TO convo_back_office;
GRANT UPDATE(updated_at) ON TABLE public.customer_shop_profiles TO convo_shop;
GRANT UPDATE(updated_at) ON TABLE public.customer_shop_profiles TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.apply_delta(before public.customer_shop_profiles, after public.customer_shop_profiles) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.apply_residual(customer_id integer, shop_id integer, total_bookings integer, total_spend_cents integer, last_booking_at timestamp with time zone, no_show_count integer, earlier tenancy.statistics) FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.attach_mirrors() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.attributed_shop(customer_id integer, last_booking_at timestamp with time zone, last_booking_before timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.backfill_estimate(OUT customers bigint, OUT profiles bigint, OUT disk_bytes bigint, OUT wal_bytes bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.backfill_hold() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.backfill_lock_key() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.backfill_step(batch_size integer, OUT state text, OUT detail text, OUT customers integer, OUT profiles integer) FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.begin_change(IN in_transaction boolean) FROM PUBLIC;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bookings TO convo_shop;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bookings TO convo_back_office;
GRANT SELECT ON TABLE public.customers TO convo_back_office;
GRANT SELECT ON TABLE public.customers TO convo_health;
GRANT SELECT(id) ON TABLE public.customers TO convo_shop;
GRANT SELECT(email) ON TABLE public.customers TO convo_shop;
GRANT SELECT(phone) ON TABLE public.customers TO convo_shop;
GRANT SELECT(name) ON TABLE public.customers TO convo_shop;
GRANT SELECT(created_at) ON TABLE public.customers TO convo_shop;
GRANT SELECT(updated_at) ON TABLE public.customers TO convo_shop;
REVOKE ALL ON FUNCTION tenancy.bookings_of(customer_id integer, phone character varying, email character varying) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.bookings_of(customer_id integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.both_sides(customer_ids integer[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.catch_up_customer() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.check_access(customer_id integer, shop_id integer) FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.check_contract(IN contract text, IN quiet_period text, IN customer_ids integer[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.check_shop(shop_id integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.check_stylist(stylist_id integer, shop_id integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.clear_stylist_preferences() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.confirm_booking() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.contract_findings(quiet_period interval, customer_ids integer[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.current_shop() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.customer_by_email(wanted_email text) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.customer_by_email(wanted_email text) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.customer_by_email(wanted_email text) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.customer_by_phone(wanted_phone text) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.customer_by_phone(wanted_phone text) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.customer_by_phone(wanted_phone text) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.customer_context(wanted_customer_id integer, wanted_shop_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.customer_context(wanted_customer_id integer, wanted_shop_id integer) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.customer_context(wanted_customer_id integer, wanted_shop_id integer) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.customers_by_preferred_stylist(wanted_stylist_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.customers_by_preferred_stylist(wanted_stylist_id integer) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.customers_by_preferred_stylist(wanted_stylist_id integer) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.describe_sessions(pids integer[]) FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.detach_mirrors() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.fill_profiles(customer_ids integer[], instead tenancy.statistics) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.follow_counts(preferred_stylist_id integer, customer_id integer, shop_id integer, stylist_id integer, count_before integer, count_after integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.get_or_create_customer(email text, phone text, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.get_or_create_customer(email text, phone text, name text) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.get_or_create_customer(email text, phone text, name text) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.has_legacy_side() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.is_restricted() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.lock_customer(customer_id integer, changes_totals boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.lock_customer_of_booking(customer_phone character varying, customer_email character varying) FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.lock_tables(IN mode text, VARIADIC tables text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.mirror_customers_to_profiles() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.mirror_profiles_to_legacy() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.mirror_statistics_to_profiles() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.mirror_stylist_preferences_to_profiles() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.more_booked(stylist_id integer, booking_count integer, other_stylist_id integer, other_booking_count integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.move_preference(customer_id integer, stylist_id integer, count_before integer, count_after integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.normalized_email(email text) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.normalized_email(email text) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.normalized_email(email text) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.normalized_phone(phone text) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.normalized_phone(phone text) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.normalized_phone(phone text) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.note_legacy_write() FROM PUBLIC;
GRANT SELECT ON TABLE tenancy.backfill_progress TO convo_health;
REVOKE ALL ON FUNCTION tenancy.pause_backfill() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.prefer_stylist(customer_id integer, shop_id integer, stylist_id integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.prepare_backfill() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.reconcile_step(customer_ids integer[], OUT state text, OUT detail text, OUT repaired integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.record_booking(customer_id integer, shop_id integer, stylist_id integer, spend_cents integer, booked_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.record_booking(customer_id integer, shop_id integer, stylist_id integer, spend_cents integer, booked_at timestamp with time zone) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.record_booking(customer_id integer, shop_id integer, stylist_id integer, spend_cents integer, booked_at timestamp with time zone) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.record_no_show(customer_id integer, shop_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.record_no_show(customer_id integer, shop_id integer) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.record_no_show(customer_id integer, shop_id integer) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.refuse_truncate() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.repair(customer_ids integer[], source text, is_reconcile boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.repair_from_legacy(customer_id integer, kinds text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.repair_from_profiles(customer_id integer, kinds text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.residual(total bigint, others bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.residual_cut(own bigint, larger bigint, excess bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.resume_backfill() FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.run_backfill(IN batch_size integer) FROM PUBLIC;
REVOKE ALL ON PROCEDURE tenancy.run_reconcile(IN batch_size integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.set_preferred_stylist(customer_id integer, shop_id integer, stylist_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.set_preferred_stylist(customer_id integer, shop_id integer, stylist_id integer) TO convo_shop;
GRANT ALL ON FUNCTION tenancy.set_preferred_stylist(customer_id integer, shop_id integer, stylist_id integer) TO convo_back_office;
REVOKE ALL ON FUNCTION tenancy.set_stylist_preferences() FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.shop_in_context() FROM PUBLIC;
GRANT ALL ON FUNCTION tenancy.shop_in_context() TO convo_shop;
GRANT ALL ON FUNCTION tenancy.shop_in_context() TO convo_back_office;
GRANT SELECT ON TABLE tenancy.settings TO convo_health;
REVOKE ALL ON FUNCTION tenancy.shop_of_last_booking(customer_id integer, last_booking_at timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.split(customer_ids integer[], instead tenancy.statistics) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.split_anew(customer_id integer) FROM PUBLIC;
GRANT SELECT ON TABLE public.customer_booking_stats TO convo_back_office;
GRANT SELECT ON TABLE public.customer_booking_stats TO convo_health;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.customer_service_preferences TO convo_shop;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.customer_service_preferences TO convo_back_office;
GRANT USAGE ON SEQUENCE public.customer_service_preferences_id_seq TO convo_shop;
GRANT USAGE ON SEQUENCE public.customer_service_preferences_id_seq TO convo_back_office;
GRANT SELECT ON TABLE public.customer_stylist_preferences TO convo_shop;
GRANT SELECT ON TABLE public.customer_stylist_preferences TO convo_back_office;
GRANT SELECT ON TABLE public.services TO convo_shop;
GRANT SELECT ON TABLE public.services TO convo_back_office;
GRANT SELECT ON TABLE public.shops TO convo_back_office;
GRANT SELECT ON TABLE public.shops TO convo_health;
GRANT SELECT ON TABLE public.stylists TO convo_back_office;
GRANT SELECT ON TABLE public.stylists TO convo_health;
GRANT SELECT(id) ON TABLE public.stylists TO convo_shop;
GRANT SELECT(shop_id) ON TABLE public.stylists TO convo_shop;
GRANT SELECT(name) ON TABLE public.stylists TO convo_shop;
GRANT SELECT(work_start) ON TABLE public.stylists TO convo_shop;
GRANT SELECT(work_end) ON TABLE public.stylists TO convo_shop;
GRANT SELECT(active) ON TABLE public.stylists TO convo_shop;
GRANT SELECT(created_at) ON TABLE public.stylists TO convo_shop;
GRANT SELECT ON TABLE tenancy.customer_totals TO convo_back_office;
GRANT SELECT ON TABLE tenancy.drift TO convo_health;
GRANT SELECT ON TABLE tenancy.legacy_writes TO convo_health;
GRANT SELECT ON TABLE tenancy.legacy_writers TO convo_health;
