-- Deploy convo_tenancy:contract/archive to pg

-- Copies the columns of customers that go, while everybody goes on; what changes meanwhile, contract/legacy_side copies again.
-- Variables: contract=yes, without which nothing is deployed; legacy_quiet_period, in place of the one in tenancy.settings.

\if :{?contract}
\else
    \set contract no
\endif
\if :{?legacy_quiet_period}
\else
    \set legacy_quiet_period ''
\endif

BEGIN;

CALL tenancy.begin_change();

CALL tenancy.check_contract(:'contract', :'legacy_quiet_period');

SELECT current_user AS owner_name \gset
RESET ROLE; -- who deploys may create schemas; the owner of the tables need not
CREATE SCHEMA IF NOT EXISTS tenancy_archive AUTHORIZATION :"owner_name";
CALL tenancy.begin_change();

COMMENT ON SCHEMA tenancy_archive IS
'What convo_tenancy put aside, for the way back. After the contract, tenancy.purge_archive() ends it.';

CREATE OR REPLACE PROCEDURE tenancy.create_archive()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning -- of what is there already, nobody need be told
AS $$
BEGIN
    CREATE TABLE IF NOT EXISTS tenancy_archive.customers (
        customer_id integer NOT NULL,
        preferred_stylist_id integer,
        average_spend_cents integer NOT NULL,
        no_show_count integer NOT NULL,
        CONSTRAINT customers_pkey PRIMARY KEY (customer_id)
    );

    COMMENT ON TABLE tenancy_archive.customers IS
    'The columns that the contract takes from public.customers. A customer who is deleted is deleted here.';
    COMMENT ON COLUMN tenancy_archive.customers.customer_id IS 'The customer.';
    COMMENT ON COLUMN tenancy_archive.customers.preferred_stylist_id IS 'Whom they preferred over all shops.';
    COMMENT ON COLUMN tenancy_archive.customers.average_spend_cents IS 'What they spent per booking over all shops, in cents.';
    COMMENT ON COLUMN tenancy_archive.customers.no_show_count IS 'Bookings in all shops that they did not keep.';
END;
$$;

COMMENT ON PROCEDURE tenancy.create_archive() IS
'Part of the contract, and of its revert after a purge: the table for the columns of customers. Example: CALL '
'tenancy.create_archive()';

CREATE OR REPLACE FUNCTION tenancy.archive_customers(customer_ids integer[])
RETURNS bigint
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
-- By index, whatever the statistics say of a table that grows.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    written bigint;
BEGIN
    INSERT INTO tenancy_archive.customers AS a (customer_id, preferred_stylist_id, average_spend_cents, no_show_count)
    SELECT
        c.id,
        c.preferred_stylist_id,
        c.average_spend_cents,
        c.no_show_count
    FROM public.customers AS c
    LEFT JOIN tenancy_archive.customers AS archived ON archived.customer_id = c.id
    WHERE c.id = ANY (customer_ids)
        AND (c.preferred_stylist_id, c.average_spend_cents, c.no_show_count)
        IS DISTINCT FROM (archived.preferred_stylist_id, archived.average_spend_cents, archived.no_show_count)
    ON CONFLICT (customer_id) DO UPDATE
    SET
        preferred_stylist_id = excluded.preferred_stylist_id,
        average_spend_cents = excluded.average_spend_cents,
        no_show_count = excluded.no_show_count;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END;
$$;

COMMENT ON FUNCTION tenancy.archive_customers(integer[]) IS
'Copies the columns that go, of these customers, where the archive has them otherwise; returns how many. '
'Example: SELECT tenancy.archive_customers(ARRAY[42])';

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
'The next customers by id, for batches; NULL stands for the beginning. Example: SELECT tenancy.customers_after(NULL, 5000)';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.run_archive(batch_size integer DEFAULT 5000)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    batch integer[];
    done bigint := 0;
    reported_at timestamptz := pg_catalog.clock_timestamp();
BEGIN
    LOOP
        batch := tenancy.customers_after(batch[pg_catalog.cardinality(batch)], batch_size);
        EXIT WHEN pg_catalog.cardinality(batch) = 0;

        PERFORM tenancy.archive_customers(batch);
        COMMIT;

        done := done + pg_catalog.cardinality(batch);
        IF pg_catalog.clock_timestamp() > reported_at + interval '10 seconds' THEN
            reported_at := pg_catalog.clock_timestamp();
            RAISE NOTICE 'archive: % customers', done;
        END IF;
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.run_archive(integer) IS
'Copies the columns that go, of all customers, in batches that it commits. Interrupted, run it again: what is copied is only '
'compared. Outside a transaction only. Example: CALL tenancy.run_archive()';

CREATE OR REPLACE FUNCTION tenancy.customers_since(horizon xid8)
RETURNS integer[]
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    oldest CONSTANT integer NOT NULL := age(horizon::xid);
    written integer[];
BEGIN
    written := ARRAY(
        SELECT p.customer_id
        FROM public.customer_shop_profiles AS p
        WHERE age(p.xmin) <= oldest
        UNION
        SELECT c.id
        FROM public.customers AS c
        WHERE age(c.xmin) <= oldest
    );
    IF tenancy.has_legacy_side() THEN
        written := written || ARRAY(SELECT s.customer_id FROM public.customer_booking_stats AS s WHERE age(s.xmin) <= oldest);
    END IF;
    RETURN written;
END;
$$;

COMMENT ON FUNCTION tenancy.customers_since(xid8) IS
'Customers of whom some row was written by a transaction that a snapshot with this xmin could not see; and maybe some more. '
'Example: SELECT tenancy.customers_since(pg_snapshot_xmin(pg_current_snapshot()))';

CALL tenancy.create_archive();

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;

CALL tenancy.begin_change(in_transaction => FALSE);

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
CALL tenancy.run_archive();
ANALYZE tenancy_archive.customers;
\endif
