-- Deploy convo_tenancy:mirror/shop_context to pg

-- The first of phase 2. The application may have altered its tables since phase 1.

\ir ../support/preconditions.sql
\set ON_ERROR_STOP on
\set change mirror/shop_context
\ir ../support/begin.sql
\if :is_done \quit \endif

-- No SET clause, so that both are inlined: into the policies, and into the functions of the SQL API.
CREATE OR REPLACE FUNCTION tenancy.shop_context()
RETURNS integer
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN nullif(current_setting('app.current_shop_id', TRUE), '')::integer;

COMMENT ON FUNCTION tenancy.shop_context() IS
'The shop context for policies; NULL, which matches no row, if none is set. It does not check that the shop exists; '
'tenancy.checked_shop_context() does. Example: SELECT tenancy.shop_context()';

CREATE OR REPLACE FUNCTION tenancy.checked_shop_context()
RETURNS integer
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    context CONSTANT text := nullif(current_setting('app.current_shop_id', TRUE), ''); -- '' after a SET LOCAL
BEGIN
    IF context IS NULL THEN
        RETURN NULL;
    END IF;

    IF context !~ '^[0-9]{1,10}$' OR NOT EXISTS (SELECT FROM public.shops AS s WHERE s.id = context::bigint) THEN
        RAISE EXCEPTION 'app.current_shop_id is "%", not the id of a shop: SET LOCAL app.current_shop_id = ''<id>''',
            tenancy.printable(context)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    RETURN context::integer;
END;
$$;

COMMENT ON FUNCTION tenancy.checked_shop_context() IS
'The shop context, from the setting app.current_shop_id; NULL if unset or empty. Fails (22023) if the value names no shop. '
'Example: SET LOCAL app.current_shop_id = ''3''; SELECT tenancy.checked_shop_context()';

COMMIT;
