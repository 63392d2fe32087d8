-- Deploy convo_tenancy:migrate/customer_context to pg

BEGIN;

CALL tenancy.begin_change();

CREATE OR REPLACE FUNCTION tenancy.customer_context(wanted_customer_id integer, wanted_shop_id integer)
RETURNS TABLE (
    customer_id integer,
    shop_id integer,
    email varchar,
    phone varchar,
    name varchar,
    preferred_stylist_id integer,
    preferred_stylist_name varchar,
    average_spend_cents integer,
    total_bookings integer,
    total_spend_cents integer,
    no_show_count integer,
    last_booking_at timestamptz,
    last_service_id integer,
    last_service_name varchar,
    last_stylist_id integer,
    last_stylist_name varchar
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tenancy.current_shop(); -- a context that is no shop is an error in every call
    PERFORM tenancy.check_shop(wanted_shop_id);
    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(wanted_customer_id, wanted_shop_id);
    END IF;

    RETURN QUERY
    SELECT
        c.id,
        wanted_shop_id,
        c.email,
        c.phone,
        c.name,
        p.preferred_stylist_id,
        preferred.name,
        CASE WHEN p.total_bookings > 0 THEN p.total_spend_cents / p.total_bookings ELSE 0 END,
        coalesce(p.total_bookings, 0),
        coalesce(p.total_spend_cents, 0),
        coalesce(p.no_show_count, 0),
        p.last_booking_at,
        v.id,
        v.name,
        t.id,
        t.name
    FROM public.customers AS c
    LEFT JOIN public.customer_shop_profiles AS p
        ON p.customer_id = c.id
        AND p.shop_id = wanted_shop_id
    LEFT JOIN public.stylists AS preferred ON preferred.id = p.preferred_stylist_id
    LEFT JOIN LATERAL (
        SELECT
            b.service_id,
            b.stylist_id
        FROM tenancy.bookings_of(c.id, c.phone, c.email) AS b
        WHERE b.shop_id = wanted_shop_id
            AND b.status = 'CONFIRMED'
        ORDER BY b.start_at_utc = p.last_booking_at DESC NULLS LAST, b.created_at DESC, b.id DESC
        LIMIT 1
    ) AS newest ON TRUE
    LEFT JOIN public.services AS v ON v.id = newest.service_id
    LEFT JOIN public.stylists AS t ON t.id = newest.stylist_id
    WHERE c.id = wanted_customer_id;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'customer % does not exist', coalesce(wanted_customer_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.customer_context(integer, integer) IS
'What one shop knows of a customer: who they are, whom they prefer, what they spent there, and their last service and stylist '
'there (of the confirmed booking at last_booking_at, else of the newest). One row, with zeros and NULLs for who is new to the '
'shop. Unknown customer or shop: 23503. Example: SELECT * FROM tenancy.customer_context(42, 3)';

CREATE OR REPLACE FUNCTION tenancy.customers_by_preferred_stylist(wanted_stylist_id integer)
RETURNS TABLE (customer_id integer, email varchar, phone varchar, name varchar)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shop integer;
BEGIN
    SELECT s.shop_id
    INTO shop
    FROM public.stylists AS s
    WHERE s.id = wanted_stylist_id;
    IF NOT FOUND OR (tenancy.is_restricted() AND shop IS DISTINCT FROM tenancy.shop_in_context()) THEN
        RAISE EXCEPTION 'stylist % does not exist', coalesce(wanted_stylist_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;

    RETURN QUERY
    SELECT
        c.id,
        c.email,
        c.phone,
        c.name
    FROM public.customer_shop_profiles AS p
    JOIN public.customers AS c ON c.id = p.customer_id
    WHERE p.shop_id = shop -- by the index on the shop
        AND p.preferred_stylist_id = wanted_stylist_id
    ORDER BY
        p.total_spend_cents / greatest(p.total_bookings, 1) DESC,
        c.id;
END;
$$;

COMMENT ON FUNCTION tenancy.customers_by_preferred_stylist(integer) IS
'The customers who prefer this stylist, in the stylist''s shop, those who spend most a booking there first. '
'Unknown stylist: 23503. Example: SELECT * FROM tenancy.customers_by_preferred_stylist(7)';

CREATE OR REPLACE VIEW tenancy.customer_totals (
    customer_id, shops, total_bookings, total_spend_cents, average_spend_cents, last_booking_at, no_show_count
)
WITH (security_invoker = TRUE)
AS
SELECT
    p.customer_id,
    count(*)::integer,
    sum(p.total_bookings)::integer,
    sum(p.total_spend_cents)::bigint,
    CASE WHEN sum(p.total_bookings) > 0 THEN (sum(p.total_spend_cents) / sum(p.total_bookings))::integer ELSE 0 END,
    max(p.last_booking_at),
    sum(p.no_show_count)::integer
FROM public.customer_shop_profiles AS p
GROUP BY p.customer_id;

COMMENT ON VIEW tenancy.customer_totals IS
'A customer across all shops, from the profiles: recognised at every shop (ADR-0001). '
'Example: SELECT * FROM tenancy.customer_totals WHERE customer_id = 42';
COMMENT ON COLUMN tenancy.customer_totals.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.customer_totals.shops IS 'Shops that have a profile of the customer.';
COMMENT ON COLUMN tenancy.customer_totals.total_bookings IS 'Bookings counted in all shops.';
COMMENT ON COLUMN tenancy.customer_totals.total_spend_cents IS 'List price of those bookings, in cents.';
COMMENT ON COLUMN tenancy.customer_totals.average_spend_cents IS
'Integer part of the spend per booking, in cents; 0 without bookings.';
COMMENT ON COLUMN tenancy.customer_totals.last_booking_at IS 'The latest of the shops'' last bookings.';
COMMENT ON COLUMN tenancy.customer_totals.no_show_count IS 'Bookings in all shops that the customer did not keep.';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;
