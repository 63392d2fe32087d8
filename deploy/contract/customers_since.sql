-- Deploy convo_tenancy:contract/customers_since to pg

\set ON_ERROR_STOP on
\set change contract/customers_since
\ir ../support/begin.sql
\if :is_done \quit \endif

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

COMMIT;
