-- Deploy convo_tenancy:profiles/backfill_estimate to pg

\set ON_ERROR_STOP on
\set change profiles/backfill_estimate
\ir ../support/begin.sql
\if :is_done \quit \endif

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
            OR EXISTS (SELECT FROM tenancy.adoption AS a WHERE NOT a.is_divided)
    );

    customers := all_customers * cardinality(sample_to_do) / greatest(cardinality(sample), 1);
    profiles := all_customers * (SELECT count(*) FROM tenancy.split(sample_to_do)) / greatest(cardinality(sample), 1);
    disk_bytes := profiles * disk_bytes_per_profile;
    wal_bytes := profiles * wal_bytes_per_profile;
END;
$$;

COMMENT ON FUNCTION tenancy.backfill_estimate() IS
'How much the backfill still has to do, estimated from about 2,000 customers: customers, profiles, bytes of disk and of WAL. '
'Example: SELECT * FROM tenancy.backfill_estimate()';

COMMIT;
