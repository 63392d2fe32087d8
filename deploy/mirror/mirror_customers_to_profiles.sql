-- Deploy convo_tenancy:mirror/mirror_customers_to_profiles to pg

\set ON_ERROR_STOP on
\set change mirror/mirror_customers_to_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.mirror_customers_to_profiles()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    no_shows_before CONSTANT integer NOT NULL := CASE TG_OP WHEN 'UPDATE' THEN OLD.no_show_count ELSE 0 END;
    stylist_before CONSTANT integer := CASE TG_OP WHEN 'UPDATE' THEN OLD.preferred_stylist_id END;
    moment CONSTANT timestamptz NOT NULL := clock_timestamp(); -- the transaction may have begun long ago
    default_shop integer;
    shop integer;
    is_recorded boolean;
    is_applied boolean;
BEGIN
    IF tenancy.is_mirroring() THEN
        RETURN NULL;
    END IF;

    -- As the row is by now: a trigger of somebody else's may have written it again.
    SELECT
        c.no_show_count,
        c.preferred_stylist_id,
        (SELECT d.default_shop_id FROM tenancy.settings AS d)
    INTO
        NEW.no_show_count,
        NEW.preferred_stylist_id,
        default_shop
    FROM public.customers AS c
    WHERE c.id = NEW.id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF NEW.no_show_count <> no_shows_before THEN
        -- The usual case, as attributed_shop() has it
        IF coalesce(current_setting('app.current_shop_id', TRUE), '') = ''
            AND coalesce(current_setting('tenancy.confirmed', TRUE), '') = ''
        THEN
            shop := default_shop;
        ELSE
            shop := tenancy.attributed_shop(NEW.id);
        END IF;
        is_applied := tenancy.apply_residual(NEW.id, shop, no_show_count => NEW.no_show_count);
        is_recorded := tenancy.note_write('legacy', NEW.id, 'no-shows'); -- cheaper than PERFORM
        PERFORM FROM tenancy.counted_legacy_writes(shop, moment);
        IF NOT FOUND THEN
            is_recorded := tenancy.count_legacy_write(shop, moment);
        END IF;
    END IF;

    IF NEW.preferred_stylist_id IS DISTINCT FROM stylist_before THEN
        -- Locked before its shop is read: a stylist who is moving is in one shop or the other.
        SELECT s.shop_id
        INTO shop
        FROM public.stylists AS s
        WHERE s.id = coalesce(NEW.preferred_stylist_id, stylist_before)
        FOR KEY SHARE;

        -- NULL takes back what was preferred, and no choice of another stylist in that shop.
        IF NEW.preferred_stylist_id IS NOT NULL
            OR EXISTS (
                SELECT
                FROM public.customer_shop_profiles AS p
                WHERE p.customer_id = NEW.id
                    AND p.shop_id = shop
                    AND p.preferred_stylist_id = stylist_before
            )
        THEN
            PERFORM tenancy.prefer_stylist(NEW.id, shop, NEW.preferred_stylist_id);
        END IF;
        is_recorded := tenancy.note_write('legacy', NEW.id, 'preference');
        PERFORM FROM tenancy.counted_legacy_writes(shop, moment);
        IF NOT FOUND THEN
            is_recorded := tenancy.count_legacy_write(shop, moment);
        END IF;
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mirror_customers_to_profiles() IS
'Trigger: carries a customer''s no_show_count (by the residual rule) and preferred_stylist_id to the profiles. The preference '
'goes to the profile in that stylist''s shop; other shops keep theirs.';

COMMIT;
