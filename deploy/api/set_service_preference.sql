-- Deploy convo_tenancy:api/set_service_preference to pg

\set ON_ERROR_STOP on
\set change api/set_service_preference
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.set_service_preference(
    customer_id integer,
    service_id integer,
    preferred_style_text text,
    preferred_style_image_url text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    shop CONSTANT integer := (SELECT s.shop_id FROM public.services AS s WHERE s.id = set_service_preference.service_id);
BEGIN
    IF shop IS NULL OR (tenancy.is_restricted() AND shop IS DISTINCT FROM tenancy.checked_shop_context()) THEN
        RAISE EXCEPTION 'service % does not exist', coalesce(service_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(customer_id, shop);
    END IF;
    PERFORM tenancy.lock_customer(customer_id);

    -- INSERT only if there is no row: each one tried takes a value of the sequence, whose ids are 32 bits wide.
    UPDATE public.customer_service_preferences AS p
    SET
        preferred_style_text = set_service_preference.preferred_style_text,
        preferred_style_image_url = set_service_preference.preferred_style_image_url,
        updated_at_utc = now()
    WHERE p.customer_id = set_service_preference.customer_id
        AND p.service_id = set_service_preference.service_id;
    IF NOT FOUND THEN
        INSERT INTO public.customer_service_preferences (
            customer_id, service_id, preferred_style_text, preferred_style_image_url
        )
        VALUES (
            set_service_preference.customer_id,
            set_service_preference.service_id,
            set_service_preference.preferred_style_text,
            set_service_preference.preferred_style_image_url
        );
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.set_service_preference(integer, integer, text, text) IS
'Sets the style that a customer prefers for a service: a text, and the URL of a picture; NULL for none. Unknown customer or '
'service: 23503. Example: SELECT tenancy.set_service_preference(42, 5, ''short at the sides'')';

COMMIT;
