-- Deploy convo_tenancy:contract/run_archive to pg

\set ON_ERROR_STOP on
\set change contract/run_archive
\ir ../support/begin.sql
\if :is_done \quit \endif

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
    CALL tenancy.begin_batch();
    LOOP
        batch := tenancy.customers_after(batch[pg_catalog.cardinality(batch)], batch_size);
        EXIT WHEN pg_catalog.cardinality(batch) = 0;

        PERFORM tenancy.archive_customers(batch);
        COMMIT;
        CALL tenancy.begin_batch();

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

COMMIT;
