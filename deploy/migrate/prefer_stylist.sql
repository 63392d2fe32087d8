-- Deploy convo_tenancy:migrate/prefer_stylist to pg

BEGIN;

CALL tenancy.begin_change();

CREATE OR REPLACE FUNCTION tenancy.prefer_stylist(customer_id integer, shop_id integer, stylist_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
BEGIN
    guard := set_config('tenancy.mirroring', 'on', TRUE);

    FOR attempt IN 1 .. 2 LOOP
        UPDATE public.customer_shop_profiles AS p
        SET
            preferred_stylist_id = prefer_stylist.stylist_id,
            updated_at = now()
        WHERE p.customer_id = prefer_stylist.customer_id
            AND p.shop_id = prefer_stylist.shop_id;
        EXIT WHEN FOUND;

        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (prefer_stylist.customer_id, prefer_stylist.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END LOOP;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
END;
$$;

COMMENT ON FUNCTION tenancy.prefer_stylist(integer, integer, integer) IS
'Writes a preference of the legacy side to the profile of one shop. Not mirrored. The caller has locked the stylist (FOR KEY '
'SHARE) before it read the shop. Example: SELECT tenancy.prefer_stylist(42, 3, 7)';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;
