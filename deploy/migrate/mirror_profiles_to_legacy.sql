-- Deploy convo_tenancy:migrate/mirror_profiles_to_legacy to pg

BEGIN;

CALL tenancy.begin_change();

CREATE OR REPLACE FUNCTION tenancy.mirror_profiles_to_legacy()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A mirror's own write; and not that of a shop's role which set the guard itself.
    IF current_setting('tenancy.mirroring', TRUE) = 'on' AND (pg_trigger_depth() > 1 OR NOT tenancy.is_restricted()) THEN
        RETURN NULL;
    END IF;

    IF TG_OP <> 'DELETE' THEN
        -- As the row is by now: a trigger of somebody else's may have written it again. Differences add up; these do not.
        SELECT
            p.last_booking_at,
            p.preferred_stylist_id
        INTO
            NEW.last_booking_at,
            NEW.preferred_stylist_id
        FROM public.customer_shop_profiles AS p
        WHERE p.id = NEW.id;
    END IF;

    IF TG_OP = 'UPDATE' AND (NEW.customer_id, NEW.shop_id) = (OLD.customer_id, OLD.shop_id) THEN
        PERFORM tenancy.apply_delta(OLD, NEW);
        RETURN NULL;
    END IF;

    IF TG_OP <> 'INSERT' THEN
        PERFORM tenancy.apply_delta(OLD, NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM tenancy.apply_delta(NULL, NEW);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mirror_profiles_to_legacy() IS
'Trigger: carries what changed in a profile to the legacy side (tenancy.apply_delta).';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;
