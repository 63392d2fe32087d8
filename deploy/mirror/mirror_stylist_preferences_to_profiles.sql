-- Deploy convo_tenancy:mirror/mirror_stylist_preferences_to_profiles to pg

\set ON_ERROR_STOP on
\set change mirror/mirror_stylist_preferences_to_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.mirror_stylist_preferences_to_profiles()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    is_recorded boolean;
BEGIN
    IF tenancy.is_mirroring() THEN
        RETURN NULL;
    END IF;

    IF TG_OP <> 'UPDATE' OR NEW.booking_count <> OLD.booking_count THEN
        is_recorded := tenancy.note_write('legacy', coalesce(NEW.customer_id, OLD.customer_id), 'stylist counts');
    END IF;

    IF TG_OP = 'UPDATE' AND NEW.customer_id = OLD.customer_id AND NEW.stylist_id = OLD.stylist_id THEN
        -- As a rule it is one more booking with the stylist who is preferred anyway.
        IF NEW.booking_count < OLD.booking_count OR NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = NEW.customer_id
                AND p.preferred_stylist_id = NEW.stylist_id
        ) THEN
            PERFORM tenancy.move_preference(NEW.customer_id, NEW.stylist_id, OLD.booking_count, NEW.booking_count);
        END IF;
        RETURN NULL;
    END IF;

    IF TG_OP <> 'INSERT' THEN
        PERFORM tenancy.move_preference(OLD.customer_id, OLD.stylist_id, OLD.booking_count, NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM tenancy.move_preference(NEW.customer_id, NEW.stylist_id, NULL, NEW.booking_count);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mirror_stylist_preferences_to_profiles() IS
'Trigger: lets a profile''s preferred stylist follow customer_stylist_preferences, unless somebody chose another.';

COMMIT;
