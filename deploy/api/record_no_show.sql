-- Deploy convo_tenancy:api/record_no_show to pg

\set ON_ERROR_STOP on
\set change api/record_no_show
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

CREATE OR REPLACE FUNCTION tenancy.record_no_show(customer_id integer, shop_id integer)
RETURNS public.customer_shop_profiles
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    most_no_shows CONSTANT integer NOT NULL := 1000000; -- of one profile: what all shops share is 32 bits wide
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    profile public.customer_shop_profiles;
BEGIN
    guard := set_config('tenancy.mirroring', '', TRUE); -- whatever the caller set
    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(customer_id, shop_id);
    END IF;
    PERFORM tenancy.check_shop(shop_id);
    PERFORM tenancy.lock_customer(customer_id);

    PERFORM tenancy.ensure_profile(record_no_show.customer_id, record_no_show.shop_id);
    UPDATE public.customer_shop_profiles AS p
    SET
        no_show_count = p.no_show_count + 1,
        updated_at = now()
    WHERE p.customer_id = record_no_show.customer_id
        AND p.shop_id = record_no_show.shop_id
    RETURNING p.* INTO profile;

    IF profile.no_show_count > most_no_shows THEN
        RAISE EXCEPTION 'customer % would have % no-shows in shop %, expected % at most',
            customer_id, profile.no_show_count, shop_id, most_no_shows
            USING ERRCODE = 'numeric_value_out_of_range';
    END IF;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN profile;
END;
$$;

COMMENT ON FUNCTION tenancy.record_no_show(integer, integer) IS
'Counts a booking in a shop that the customer did not keep. Returns the profile. Unknown customer or shop: 23503. More than '
'1,000,000 no-shows of a customer in a shop: 22003. Example: SELECT * FROM tenancy.record_no_show(42, 3)';

COMMIT;
