-- Deploy convo_tenancy:contract/archive to pg

-- Where the columns of customers that go are put aside. The first change of phase 3, and so the first that the gate refuses.
-- Variables: contract=yes, without which nothing is deployed; legacy_quiet_period, in place of the one in tenancy.settings.

\if :{?contract}
\else
    \set contract no
\endif
\if :{?legacy_quiet_period}
\else
    \set legacy_quiet_period ''
\endif
\set ON_ERROR_STOP on
\set change contract/archive
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.check_contract(:'contract', :'legacy_quiet_period');

CALL tenancy.create_archive_schema();

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

CALL tenancy.create_archive();

COMMIT;
