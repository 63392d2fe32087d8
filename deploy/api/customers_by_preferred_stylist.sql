-- Deploy convo_tenancy:api/customers_by_preferred_stylist to pg

\set ON_ERROR_STOP on
\set change api/customers_by_preferred_stylist
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.customers_by_preferred_stylist(wanted_stylist_id integer)
RETURNS TABLE (customer_id integer, email varchar, phone varchar, name varchar)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    shop integer;
BEGIN
    SELECT s.shop_id
    INTO shop
    FROM public.stylists AS s
    WHERE s.id = wanted_stylist_id;
    IF NOT FOUND OR (tenancy.is_restricted() AND shop IS DISTINCT FROM tenancy.shop_context()) THEN
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

COMMENT ON FUNCTION tenancy.customers_by_preferred_stylist(integer) IS
'The customers who prefer this stylist in the stylist''s shop, the highest spend per booking there first. Unknown stylist: '
'23503. Example: SELECT * FROM tenancy.customers_by_preferred_stylist(7)';

COMMIT;
