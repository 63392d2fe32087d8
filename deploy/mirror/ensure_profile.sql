-- Deploy convo_tenancy:mirror/ensure_profile to pg

\set ON_ERROR_STOP on
\set change mirror/ensure_profile
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.ensure_profile(customer_id integer, shop_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- INSERT only if there is no row: each one tried takes a value of the sequence, whose ids are 32 bits wide.
    IF NOT EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = ensure_profile.customer_id
            AND p.shop_id = ensure_profile.shop_id
    ) THEN
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (ensure_profile.customer_id, ensure_profile.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.ensure_profile(integer, integer) IS
'Makes an empty profile of a customer in a shop if there is none. Functions that count bookings update first and do not call '
'it. Example: SELECT tenancy.ensure_profile(42, 3)';

COMMIT;
