-- Deploy convo_tenancy:profiles/fill_profiles to pg

\set ON_ERROR_STOP on
\set change profiles/fill_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.fill_profiles(
    customer_ids integer[],
    assumed tenancy.statistics DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    written bigint;
BEGIN
    -- What comes from the legacy side is not to be mirrored back to it (mirror/mirrors).
    guard := set_config('tenancy.mirroring', 'on', TRUE);

    INSERT INTO public.customer_shop_profiles (
        customer_id,
        shop_id,
        preferred_stylist_id,
        total_bookings,
        total_spend_cents,
        last_booking_at,
        no_show_count
    )
    SELECT
        s.customer_id,
        s.shop_id,
        s.preferred_stylist_id,
        s.total_bookings,
        s.total_spend_cents,
        s.last_booking_at,
        s.no_show_count
    FROM tenancy.split(customer_ids, assumed) AS s;
    GET DIAGNOSTICS written = ROW_COUNT;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN written;
END;
$$;

COMMENT ON FUNCTION tenancy.fill_profiles(integer[], tenancy.statistics) IS
'Gives customers without any profile theirs, by tenancy.split(), and returns how many. Fails (23505) if somebody else did. '
'Example: SELECT tenancy.fill_profiles(ARRAY[42])';

COMMIT;
