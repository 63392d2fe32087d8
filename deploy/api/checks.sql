-- Deploy convo_tenancy:api/checks to pg

\set ON_ERROR_STOP on
\set change api/checks
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.check_shop(shop_id integer)
RETURNS void
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.shops AS s WHERE s.id = check_shop.shop_id) THEN
        RAISE EXCEPTION 'shop % does not exist', coalesce(shop_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.check_shop(integer) IS
'Fails (23503) if the shop does not exist. Example: SELECT tenancy.check_shop(3)';

CREATE OR REPLACE FUNCTION tenancy.check_stylist(stylist_id integer, shop_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
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

COMMENT ON FUNCTION tenancy.check_stylist(integer, integer) IS
'Fails (23503) if the shop or stylist does not exist, or the stylist works in another shop. Otherwise keeps the stylist there '
'until the transaction ends. Example: SELECT tenancy.check_stylist(7, 3)';

CREATE OR REPLACE FUNCTION tenancy.check_access(customer_id integer, shop_id integer)
RETURNS void
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- As texts first: a context that is no shop is an error of its own.
    IF shop_id::text IS DISTINCT FROM current_setting('app.current_shop_id', TRUE)
        AND shop_id IS DISTINCT FROM tenancy.checked_shop_context()
    THEN
        RAISE EXCEPTION 'shop % is not the shop context: SET LOCAL app.current_shop_id = ''<id>''', coalesce(shop_id::text, 'NULL')
            USING ERRCODE = 'insufficient_privilege';
    END IF;

    -- Whoever could name any customer would learn who they are.
    IF NOT tenancy.shop_knows(check_access.shop_id, check_access.customer_id) THEN
        RAISE EXCEPTION 'customer % does not exist', coalesce(customer_id::text, 'NULL') -- to this shop
            USING ERRCODE = 'foreign_key_violation';
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.check_access(integer, integer) IS
'For restricted callers: fails (42501) if the shop is not the shop context, and (23503, as for a missing customer) if the '
'customer has no profile there. Example: SELECT tenancy.check_access(42, 3)';

COMMIT;
