-- Deploy convo_tenancy:profiles/fill_profiles to pg

\set ON_ERROR_STOP on
\set change profiles/fill_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

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
    guard := tenancy.raise_guard();
    INSERT INTO tenancy.splits_under_way (xid) VALUES (pg_current_xact_id());

    -- Who has no profile begins anew.
    IF EXISTS (SELECT FROM tenancy.profile_origins) THEN
        DELETE FROM tenancy.profile_origins AS o WHERE o.customer_id = ANY (customer_ids);
    END IF;

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

    DELETE FROM tenancy.splits_under_way AS s WHERE s.xid = pg_current_xact_id();
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN written;
END;
$$;

COMMENT ON FUNCTION tenancy.fill_profiles(integer[], tenancy.statistics) IS
'Gives customers without any profile theirs, by tenancy.split(), and returns how many. Fails (23505) if somebody else did. '
'Example: SELECT tenancy.fill_profiles(ARRAY[42])';

CREATE OR REPLACE VIEW tenancy.written_customers (customer_id)
WITH (security_invoker = TRUE)
AS
SELECT o.customer_id
FROM tenancy.profile_origins AS o
UNION ALL
-- Written while the trigger was off, or by one of somebody else's that sets the time of each row
SELECT p.customer_id
FROM public.customer_shop_profiles AS p
WHERE p.updated_at <> p.created_at;

COMMENT ON VIEW tenancy.written_customers IS
'Customers of whom somebody else than the split wrote a profile, or deleted one: their profiles are never split anew. Maybe more '
'than one row a customer. Example: SELECT EXISTS (SELECT FROM tenancy.written_customers AS w WHERE w.customer_id = 42)';
COMMENT ON COLUMN tenancy.written_customers.customer_id IS 'The customer.';

COMMIT;
