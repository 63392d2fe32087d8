-- Deploy convo_tenancy:migrate/shop_access to pg

BEGIN;

CALL tenancy.begin_change();

-- No SET clause, so that both are inlined: into the policies, and into the functions of the SQL API.
CREATE OR REPLACE FUNCTION tenancy.shop_in_context()
RETURNS integer
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN nullif(current_setting('app.current_shop_id', TRUE), '')::integer;

COMMENT ON FUNCTION tenancy.shop_in_context() IS
'The shop context as the policies read it: NULL, and so no row at all, when none is set. Whether there is such a shop, '
'tenancy.current_shop() checks. Example: SELECT tenancy.shop_in_context()';

CREATE OR REPLACE FUNCTION tenancy.is_restricted()
RETURNS boolean
LANGUAGE sql
STABLE
RETURN pg_has_role(coalesce(nullif(current_setting('role'), 'none'), session_user)::name, 'convo_shop', 'USAGE')
AND NOT pg_has_role(coalesce(nullif(current_setting('role'), 'none'), session_user)::name, current_user, 'USAGE');

COMMENT ON FUNCTION tenancy.is_restricted() IS
'For functions with their owner''s rights: whether who called is bound to one shop, as a member of convo_shop who is neither '
'the owner nor a superuser. SECURITY DEFINER changes current_user, and neither the session''s user nor the role that it set. '
'Example: IF tenancy.is_restricted() THEN PERFORM tenancy.check_access(42, 3); END IF';

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
        AND shop_id IS DISTINCT FROM tenancy.current_shop()
    THEN
        RAISE EXCEPTION 'shop % is not the shop context: SET LOCAL app.current_shop_id = ''<id>''', coalesce(shop_id::text, 'NULL')
            USING ERRCODE = 'insufficient_privilege';
    END IF;

    -- Whoever could name any customer would learn who they are: so a shop knows those with a profile there, or a booking.
    IF NOT EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = check_access.customer_id
            AND p.shop_id = check_access.shop_id
    )
    AND NOT EXISTS (
        SELECT
        FROM tenancy.bookings_of(check_access.customer_id) AS b
        WHERE b.shop_id = check_access.shop_id
    ) THEN
        RAISE EXCEPTION 'customer % does not exist', coalesce(customer_id::text, 'NULL') -- to this shop
            USING ERRCODE = 'foreign_key_violation';
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.check_access(integer, integer) IS
'Fails for a shop that is not the shop context (42501), and for a customer whom the shop does not know (23503, as for one who '
'does not exist). For callers that are restricted. Example: SELECT tenancy.check_access(42, 3)';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;
