-- Deploy convo_tenancy:api/set_preferred_stylist to pg

\set ON_ERROR_STOP on
\set change api/set_preferred_stylist
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

CREATE OR REPLACE FUNCTION tenancy.set_preferred_stylist(customer_id integer, shop_id integer, stylist_id integer)
RETURNS public.customer_shop_profiles
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    profile public.customer_shop_profiles;
BEGIN
    guard := set_config('tenancy.mirroring', '', TRUE); -- whatever the caller set
    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(customer_id, shop_id);
    END IF;
    PERFORM tenancy.check_shop(shop_id);
    IF stylist_id IS NOT NULL THEN
        PERFORM tenancy.check_stylist(stylist_id, shop_id);
    END IF;
    PERFORM tenancy.lock_customer(customer_id);

    PERFORM tenancy.ensure_profile(set_preferred_stylist.customer_id, set_preferred_stylist.shop_id);
    UPDATE public.customer_shop_profiles AS p
    SET
        preferred_stylist_id = set_preferred_stylist.stylist_id,
        updated_at = now()
    WHERE p.customer_id = set_preferred_stylist.customer_id
        AND p.shop_id = set_preferred_stylist.shop_id
    RETURNING p.* INTO profile;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN profile;
END;
$$;

COMMENT ON FUNCTION tenancy.set_preferred_stylist(integer, integer, integer) IS
'Sets a customer''s preferred stylist in a shop; NULL for nobody. Returns the profile. Unknown customer, shop or stylist, or a '
'stylist of another shop: 23503. Example: SELECT * FROM tenancy.set_preferred_stylist(42, 3, 7)';

COMMIT;
