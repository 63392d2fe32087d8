-- Deploy convo_tenancy:profiles/stylist_moves to pg

\set ON_ERROR_STOP on
\set change profiles/stylist_moves
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.stylists');

-- BEFORE, since the composite foreign key checks before any AFTER trigger of ours.
CREATE OR REPLACE FUNCTION tenancy.clear_stylist_preferences()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
SET lock_timeout = '500ms' -- below deadlock_timeout: a move gives way to a booking, not the other way round
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    fans integer[]; -- customers who prefer the stylist
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.shop_id = OLD.shop_id THEN
        RETURN NEW;
    END IF;

    fans := ARRAY(SELECT p.customer_id FROM public.customer_shop_profiles AS p WHERE p.preferred_stylist_id = OLD.id);
    IF tenancy.has_legacy_side() THEN
        fans := fans || ARRAY(SELECT c.id FROM public.customers AS c WHERE c.preferred_stylist_id = OLD.id);
    END IF;

    -- Customers before profiles, as everywhere.
    PERFORM
    FROM public.customers AS c
    WHERE c.id = ANY (fans)
    ORDER BY c.id
    FOR NO KEY UPDATE;

    -- customers.preferred_stylist_id stays as it is (mirror/mirrors).
    guard := tenancy.raise_guard();

    UPDATE public.customer_shop_profiles AS p
    SET
        preferred_stylist_id = NULL,
        updated_at = now()
    WHERE p.preferred_stylist_id = OLD.id;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END;
$$;

COMMENT ON FUNCTION tenancy.clear_stylist_preferences() IS
'Trigger: when a stylist leaves a shop, no profile there prefers them any more. Locks the affected customers first.';

-- AFTER, since the stylist works in the new shop only then, and the composite foreign key looks.
CREATE OR REPLACE FUNCTION tenancy.set_stylist_preferences()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
SET lock_timeout = '500ms'
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
BEGIN
    -- The counts of their bookings moved along.
    INSERT INTO tenancy.moved_stylists (stylist_id)
    VALUES (NEW.id)
    ON CONFLICT ON CONSTRAINT moved_stylists_pkey DO NOTHING;

    IF NOT tenancy.has_legacy_side() THEN
        RETURN NULL; -- a preference belongs to one shop, and that was left
    END IF;

    guard := tenancy.raise_guard();

    UPDATE public.customer_shop_profiles AS p
    SET
        preferred_stylist_id = NEW.id,
        updated_at = now()
    FROM public.customers AS c
    WHERE c.preferred_stylist_id = NEW.id
        AND p.customer_id = c.id
        AND p.shop_id = NEW.shop_id;

    -- Only where the customer has profiles already: the backfill passes over customers who have one.
    INSERT INTO public.customer_shop_profiles (customer_id, shop_id, preferred_stylist_id)
    SELECT
        c.id,
        NEW.shop_id,
        NEW.id
    FROM public.customers AS c
    WHERE c.preferred_stylist_id = NEW.id
        AND EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = c.id
        )
        AND NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = c.id
                AND p.shop_id = NEW.shop_id
        )
    ORDER BY c.id
    ON CONFLICT (customer_id, shop_id) DO UPDATE
    SET
        preferred_stylist_id = excluded.preferred_stylist_id,
        updated_at = excluded.updated_at;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.set_stylist_preferences() IS
'Trigger: when a stylist moves, profiles in the new shop prefer them if customers.preferred_stylist_id does. After the contract '
'it sets nothing.';

CREATE OR REPLACE TRIGGER stylist_leaves
BEFORE UPDATE OF shop_id OR DELETE ON public.stylists
FOR EACH ROW
EXECUTE FUNCTION tenancy.clear_stylist_preferences();

COMMENT ON TRIGGER stylist_leaves ON public.stylists IS 'Clears the stylist from the profiles of the old shop.';

CREATE OR REPLACE TRIGGER stylist_arrives
AFTER UPDATE OF shop_id ON public.stylists
FOR EACH ROW
WHEN (OLD.shop_id IS DISTINCT FROM NEW.shop_id)
EXECUTE FUNCTION tenancy.set_stylist_preferences();

COMMENT ON TRIGGER stylist_arrives ON public.stylists IS
'Makes the stylist preferred in the new shop, for customers whose legacy side says so.';

COMMIT;
