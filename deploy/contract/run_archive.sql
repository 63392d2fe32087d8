-- Deploy convo_tenancy:contract/run_archive to pg

\set ON_ERROR_STOP on
\set change contract/run_archive
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

CREATE OR REPLACE PROCEDURE tenancy.create_archive()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- What is there is left alone: to comment it anew would wait for whoever holds it.
    IF to_regclass('tenancy_archive.customers') IS NOT NULL THEN
        RETURN;
    END IF;

    -- A vacuum right after the copy would hold up the lock of the contract.
    CREATE TABLE tenancy_archive.customers (
        customer_id integer NOT NULL,
        preferred_stylist_id integer,
        average_spend_cents integer NOT NULL,
        no_show_count integer NOT NULL,
        known_stylist_ids integer[] NOT NULL,
        CONSTRAINT customers_pkey PRIMARY KEY (customer_id)
    ) WITH (autovacuum_enabled = FALSE);

    COMMENT ON TABLE tenancy_archive.customers IS
    'The columns that the contract removes from public.customers. Deleting a customer deletes the row.';
    COMMENT ON COLUMN tenancy_archive.customers.customer_id IS 'The customer.';
    COMMENT ON COLUMN tenancy_archive.customers.preferred_stylist_id IS 'The customer''s preferred stylist over all shops.';
    COMMENT ON COLUMN tenancy_archive.customers.average_spend_cents IS 'Spend per booking over all shops, in cents.';
    COMMENT ON COLUMN tenancy_archive.customers.no_show_count IS 'Bookings in all shops that the customer did not keep.';
    COMMENT ON COLUMN tenancy_archive.customers.known_stylist_ids IS
    'The preferred stylists of the customer''s profiles at that time. Any other preference is newer.';
END;
$$;

COMMENT ON PROCEDURE tenancy.create_archive() IS
'Part of the contract, and of its revert after a purge: makes tenancy_archive.customers. Example: CALL tenancy.create_archive()';

CREATE OR REPLACE FUNCTION tenancy.archive_customers(customer_ids integer[])
RETURNS bigint
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a table that grows
SET plan_cache_mode = force_custom_plan -- for a range, or for single ids
SET jit = off
AS $$
DECLARE
    first_id CONSTANT integer := (SELECT min(i.id) FROM unnest(customer_ids) AS i (id));
    last_id CONSTANT integer := (SELECT max(i.id) FROM unnest(customer_ids) AS i (id));
    -- Then the range is read, in place of thousands of searches in an index, and who else is in it is compared, too.
    are_neighbours CONSTANT boolean := last_id::bigint - first_id < 4 * cardinality(customer_ids);
    written bigint;
BEGIN
    INSERT INTO tenancy_archive.customers AS a (
        customer_id, preferred_stylist_id, average_spend_cents, no_show_count, known_stylist_ids
    )
    SELECT
        c.id,
        c.preferred_stylist_id,
        c.average_spend_cents,
        c.no_show_count,
        coalesce(known.stylist_ids, '{}')
    FROM public.customers AS c
    LEFT JOIN (
        SELECT
            p.customer_id,
            array_agg(p.preferred_stylist_id ORDER BY p.preferred_stylist_id) AS stylist_ids
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id BETWEEN first_id AND last_id
            AND (are_neighbours OR p.customer_id = ANY (customer_ids))
            AND p.preferred_stylist_id IS NOT NULL
        GROUP BY p.customer_id
    ) AS known ON known.customer_id = c.id
    LEFT JOIN tenancy_archive.customers AS archived
        ON archived.customer_id = c.id
        AND archived.customer_id BETWEEN first_id AND last_id
        AND (are_neighbours OR archived.customer_id = ANY (customer_ids))
    WHERE c.id BETWEEN first_id AND last_id
        AND (are_neighbours OR c.id = ANY (customer_ids))
        AND (c.preferred_stylist_id, c.average_spend_cents, c.no_show_count, coalesce(known.stylist_ids, '{}'))
        IS DISTINCT FROM (
            archived.preferred_stylist_id, archived.average_spend_cents, archived.no_show_count, archived.known_stylist_ids
        )
    ON CONFLICT (customer_id) DO UPDATE
    SET
        preferred_stylist_id = excluded.preferred_stylist_id,
        average_spend_cents = excluded.average_spend_cents,
        no_show_count = excluded.no_show_count,
        known_stylist_ids = excluded.known_stylist_ids;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END;
$$;

COMMENT ON FUNCTION tenancy.archive_customers(integer[]) IS
'Copies these customers'' removed columns to the archive where they differ from it, and returns how many it copied. Example: '
'SELECT tenancy.archive_customers(ARRAY[42])';

CREATE OR REPLACE FUNCTION tenancy.forget_deleted_customers(customer_ids integer[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan -- for all, or for a few
SET jit = off
AS $$
DECLARE
    forgotten bigint;
BEGIN
    DELETE FROM tenancy_archive.customers AS a
    WHERE (forget_deleted_customers.customer_ids IS NULL OR a.customer_id = ANY (forget_deleted_customers.customer_ids))
        AND NOT EXISTS (SELECT FROM public.customers AS c WHERE c.id = a.customer_id);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END;
$$;

COMMENT ON FUNCTION tenancy.forget_deleted_customers(integer[]) IS
'Deletes archived rows of customers who were deleted, among these or all, and returns how many. For the time before the '
'contract; after it, a foreign key does this. Example: SELECT tenancy.forget_deleted_customers()';

CREATE OR REPLACE FUNCTION tenancy.customers_after(last_id integer, batch_size integer)
RETURNS integer[]
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT c.id
        FROM public.customers AS c
        WHERE c.id > coalesce(customers_after.last_id, -2147483649) -- below every integer
        ORDER BY c.id
        LIMIT customers_after.batch_size
    );
$$;

COMMENT ON FUNCTION tenancy.customers_after(integer, integer) IS
'The next customers by id after this one (NULL: from the start), for a batch. Example: SELECT tenancy.customers_after(NULL, '
'5000)';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.run_archive(batch_size integer DEFAULT 5000)
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
    PERFORM tenancy.forget_deleted_customers(); -- since an attempt that was given up
    COMMIT;

    CALL tenancy.begin_batch();
    CALL tenancy.lock_to_read();
    LOOP
        batch := tenancy.customers_after(batch[pg_catalog.cardinality(batch)], batch_size);
        EXIT WHEN pg_catalog.cardinality(batch) = 0;

        PERFORM tenancy.archive_customers(batch);
        COMMIT;
        CALL tenancy.begin_batch();
        CALL tenancy.lock_to_read();

        done := done + pg_catalog.cardinality(batch);
        IF pg_catalog.clock_timestamp() > reported_at + interval '10 seconds' THEN
            reported_at := pg_catalog.clock_timestamp();
            RAISE NOTICE 'archive: % customers', done;
        END IF;
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.run_archive(integer) IS
'Copies the columns that the contract removes, for all customers, in batches that it commits. If it is interrupted, run it '
'again: it skips equal rows. Call it outside a transaction. Example: CALL tenancy.run_archive()';

COMMIT;
