-- Deploy convo_tenancy:mirror/mirror_profiles_to_legacy to pg

\set ON_ERROR_STOP on
\set change mirror/mirror_profiles_to_legacy
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.mirror_profiles_to_legacy()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF tenancy.is_mirroring() THEN
        RETURN NULL;
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

COMMIT;
