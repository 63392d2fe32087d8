-- Deploy convo_tenancy:contract/restore to pg

\set ON_ERROR_STOP on
\set change contract/restore
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

CREATE OR REPLACE FUNCTION tenancy.restore_legacy_side(customer_ids integer[])
RETURNS bigint
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    written bigint;
BEGIN
    WITH wanted AS MATERIALIZED (
        -- The legacy side is 32 bits wide, and one customer who does not fit stops nobody else (tenancy.unfitting_customers).
        SELECT
            w.customer_id,
            greatest(least(w.total_bookings, 2147483647), -2147483648)::integer AS total_bookings,
            greatest(least(w.total_spend_cents, 2147483647), -2147483648)::integer AS total_spend_cents,
            w.last_booking_at,
            w.preferred_stylist_id,
            greatest(least(w.average_spend_cents, 2147483647), -2147483648)::integer AS average_spend_cents,
            greatest(least(w.no_show_count, 2147483647), -2147483648)::integer AS no_show_count
        FROM tenancy.legacy_side_of(customer_ids) AS w
    ),

    statistics AS (
        INSERT INTO tenancy_archive.customer_booking_stats AS s (
            customer_id, total_bookings, total_spend_cents, last_booking_at
        )
        SELECT
            w.customer_id,
            w.total_bookings,
            w.total_spend_cents,
            w.last_booking_at
        FROM wanted AS w
        LEFT JOIN tenancy_archive.customer_booking_stats AS archived ON archived.customer_id = w.customer_id
        WHERE (w.total_bookings, w.total_spend_cents, w.last_booking_at) IS DISTINCT FROM (
            coalesce(archived.total_bookings, 0), coalesce(archived.total_spend_cents, 0), archived.last_booking_at
        )
        ON CONFLICT (customer_id) DO UPDATE
        SET
            total_bookings = excluded.total_bookings,
            total_spend_cents = excluded.total_spend_cents,
            last_booking_at = excluded.last_booking_at,
            updated_at = now()
    ),

    -- Else a second look would take what was archived for what the totals here belong to.
    columns AS (
        INSERT INTO tenancy_archive.customers AS a (
            customer_id, preferred_stylist_id, average_spend_cents, no_show_count, known_stylist_ids
        )
        SELECT
            w.customer_id,
            w.preferred_stylist_id,
            w.average_spend_cents,
            w.no_show_count,
            '{}'
        FROM wanted AS w
        LEFT JOIN tenancy_archive.customers AS archived ON archived.customer_id = w.customer_id
        WHERE (w.preferred_stylist_id, w.average_spend_cents, w.no_show_count)
            IS DISTINCT FROM (archived.preferred_stylist_id, archived.average_spend_cents, archived.no_show_count)
        ON CONFLICT (customer_id) DO UPDATE
        SET
            preferred_stylist_id = excluded.preferred_stylist_id,
            average_spend_cents = excluded.average_spend_cents,
            no_show_count = excluded.no_show_count
    )

    UPDATE public.customers AS c
    SET
        preferred_stylist_id = w.preferred_stylist_id,
        average_spend_cents = w.average_spend_cents,
        no_show_count = w.no_show_count
    FROM wanted AS w
    WHERE c.id = w.customer_id
        AND (c.preferred_stylist_id, c.average_spend_cents, c.no_show_count)
        IS DISTINCT FROM (w.preferred_stylist_id, w.average_spend_cents, w.no_show_count);
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END;
$$;

COMMENT ON FUNCTION tenancy.restore_legacy_side(integer[]) IS
'Part of reverting the contract: writes tenancy.legacy_side_of() these customers where it differs: totals to the archived '
'table, which returns as it is, and the columns to customers. Returns how many rows of customers it wrote. No mirror is there '
'yet. Example: SELECT tenancy.restore_legacy_side(ARRAY[42])';

CREATE OR REPLACE FUNCTION tenancy.unfitting_customers()
RETURNS integer[]
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT ARRAY(
        SELECT p.customer_id
        FROM public.customer_shop_profiles AS p
        GROUP BY p.customer_id
        HAVING greatest(sum(p.total_bookings), sum(p.total_spend_cents), sum(p.no_show_count)) > 2147483647
        ORDER BY p.customer_id
    );
$$;

COMMENT ON FUNCTION tenancy.unfitting_customers() IS
'Customers whose profiles add up to more than the legacy side''s integer columns hold. The revert of the contract writes the '
'greatest integer. Example: SELECT tenancy.unfitting_customers()';

CREATE OR REPLACE FUNCTION tenancy.restore_step(customer_ids integer[])
RETURNS integer
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    locked integer[];
    held integer;
BEGIN
    -- Whom an API call holds is noted, and comes later: nobody may wait for a call that waits for this batch.
    locked := ARRAY(
        SELECT c.id
        FROM public.customers AS c
        WHERE c.id = ANY (customer_ids)
        ORDER BY c.id
        FOR NO KEY UPDATE SKIP LOCKED
    );
    -- A new statement, and so a new snapshot: it sees what those who had the locks committed.
    PERFORM tenancy.restore_legacy_side(locked);

    INSERT INTO tenancy.tracked_customers (customer_id)
    SELECT c.id
    FROM public.customers AS c
    WHERE c.id = ANY (customer_ids)
        AND c.id <> ALL (locked);
    GET DIAGNOSTICS held = ROW_COUNT;
    RETURN held;
END;
$$;

COMMENT ON FUNCTION tenancy.restore_step(integer[]) IS
'Runs one batch of the restore. Enters customers whom another session locks in tenancy.tracked_customers, for later. Returns '
'how many those are. Example: SELECT tenancy.restore_step(ARRAY[42])';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.run_restore(batch_size integer DEFAULT 1000)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    batch integer[];
    done bigint := 0;
    reported_at pg_catalog.timestamptz := pg_catalog.clock_timestamp();
BEGIN
    CALL tenancy.begin_batch();
    CALL tenancy.lock_to_read();
    LOOP
        batch := tenancy.customers_after(batch[pg_catalog.cardinality(batch)], batch_size);
        EXIT WHEN pg_catalog.cardinality(batch) = 0;

        PERFORM tenancy.restore_step(batch);
        COMMIT;
        CALL tenancy.begin_batch();
        CALL tenancy.lock_to_read();

        done := done + pg_catalog.cardinality(batch);
        IF pg_catalog.clock_timestamp() > reported_at + interval '10 seconds' THEN
            reported_at := pg_catalog.clock_timestamp();
            RAISE NOTICE 'restore: % customers', done;
        END IF;
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.run_restore(integer) IS
'Part of reverting the contract: updates the legacy side of all customers in batches that it commits. If it is interrupted, run '
'it again: it skips what is right. Call it outside a transaction. Example: CALL tenancy.run_restore()';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.restore_tracked_customers(batch_size integer DEFAULT 1000)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    held integer;
BEGIN
    CALL tenancy.begin_batch();
    CALL tenancy.lock_to_read();
    LOOP
        held := tenancy.restore_step(tenancy.take_tracked_customers(batch_size));
        COMMIT;
        CALL tenancy.begin_batch();
        CALL tenancy.lock_to_read();
        EXIT WHEN tenancy.has_few_tracked_customers();

        IF held > 0 THEN
            RAISE NOTICE 'restore: % customers are locked by other transactions, it returns to them', held;
            PERFORM pg_catalog.pg_sleep(0.1);
        END IF;
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.restore_tracked_customers(integer) IS
'Part of reverting the contract: updates the legacy side of customers who changed since tenancy.start_tracking(), until few are '
'left. Commits; call it outside a transaction. Example: CALL tenancy.restore_tracked_customers()';

COMMIT;
