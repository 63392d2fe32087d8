-- Deploy convo_tenancy:profiles/prepare_backfill to pg

\set ON_ERROR_STOP on
\set change profiles/prepare_backfill
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.prepare_backfill()
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch_size CONSTANT integer NOT NULL := (SELECT s.backfill_batch_size FROM tenancy.settings AS s);
    is_begun boolean;
    all_customers bigint;
    range_size bigint;
    stale integer[];
BEGIN
    LOCK TABLE tenancy.backfill_workers IN SHARE UPDATE EXCLUSIVE MODE; -- one after the other: the first does it for all

    IF EXISTS (SELECT FROM pg_stat_replication AS r WHERE r.state IS NULL) THEN
        RAISE NOTICE 'role % may not see how far replicas are behind, so the backfill will not wait for them: '
            'GRANT pg_read_all_stats TO %', tenancy.printable(current_user), tenancy.printable(quote_ident(current_user));
    END IF;

    is_begun := (SELECT b.started_at IS NOT NULL FROM tenancy.backfill_progress AS b);
    IF is_begun
        AND (SELECT b.finished_at IS NULL FROM tenancy.backfill_progress AS b)
        AND EXISTS (SELECT FROM tenancy.backfill_ranges)
    THEN
        RETURN;
    END IF;

    CALL tenancy.lock_to_read();

    -- The legacy tables may never have been analyzed. A table that something else works on is left out:
    -- whoever it is (autovacuum, as a rule) leaves statistics, too.
    ANALYZE (SKIP_LOCKED)
        public.customers (id, phone),
        public.bookings (customer_phone, customer_email),
        public.customer_booking_stats (customer_id),
        public.customer_stylist_preferences (customer_id),
        public.stylists,
        public.services;

    PERFORM tenancy.note_moved_stylists();

    -- Profiles that a revert put aside and this deploy took back. Those that went stale meanwhile are made anew, unless somebody else
    -- than the split wrote them: that, the legacy side cannot give again. A table that was taken over is the batches' work.
    IF NOT is_begun
        AND EXISTS (SELECT FROM public.customer_shop_profiles)
        AND NOT EXISTS (SELECT FROM tenancy.adoption AS a WHERE NOT a.is_divided)
    THEN
        stale := ARRAY(
            SELECT DISTINCT d.customer_id
            FROM tenancy.drift AS d
            WHERE EXISTS (SELECT FROM public.customer_shop_profiles AS p WHERE p.customer_id = d.customer_id)
        );
        PERFORM
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = ANY (stale)
        ORDER BY p.id
        FOR NO KEY UPDATE;

        -- A new statement, and so a new snapshot: it sees what those who had the locks committed.
        stale := ARRAY(
            SELECT t.id
            FROM unnest(stale) AS t (id)
            WHERE NOT EXISTS (SELECT FROM tenancy.written_customers AS w WHERE w.customer_id = t.id)
            ORDER BY t.id
        );
        FOR batch_start IN 1 .. cardinality(stale) BY batch_size LOOP
            PERFORM tenancy.split_anew(stale[batch_start : batch_start + batch_size - 1]);
        END LOOP;

        UPDATE tenancy.backfill_progress AS b
        SET (customers_done, profiles_written) = (
            SELECT
                count(DISTINCT p.customer_id),
                count(*)
            FROM public.customer_shop_profiles AS p
        );
    END IF;

    -- About a hundred, and none is less than a batch. The last has whoever comes.
    all_customers := (
        SELECT greatest(t.reltuples, 0)
        FROM pg_class AS t
        WHERE t.oid = 'public.customers'::regclass
    );
    range_size := greatest(batch_size, all_customers / 100);
    DELETE FROM tenancy.backfill_ranges;
    INSERT INTO tenancy.backfill_ranges (first_id, last_id, next_id)
    SELECT
        r.first_id,
        r.last_id,
        r.first_id
    FROM (
        SELECT
            coalesce(lag(l.id) OVER (ORDER BY l.id) + 1, -2147483648) AS first_id,
            l.id AS last_id
        FROM (
            SELECT c.id
            FROM (
                SELECT
                    a.id,
                    row_number() OVER (ORDER BY a.id) AS number
                FROM public.customers AS a
            ) AS c
            WHERE c.number % range_size = 0
            UNION
            SELECT 2147483647
        ) AS l
    ) AS r;

    UPDATE tenancy.backfill_progress AS b
    SET
        customers_estimated = all_customers,
        started_at = coalesce(b.started_at, clock_timestamp()),
        updated_at = clock_timestamp(),
        finished_at = NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.prepare_backfill() IS
'Prepares the backfill: analyzes tables, estimates the work, and makes the ranges that sessions share. Does nothing if a '
'backfill has begun and is unfinished. After a finished one, the next steps look for customers who came since.';

COMMIT;
