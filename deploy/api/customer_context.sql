-- Deploy convo_tenancy:api/customer_context to pg

\set ON_ERROR_STOP on
\set change api/customer_context
\ir ../support/begin.sql
\if :is_done \quit \endif

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
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    PERFORM tenancy.checked_shop_context(); -- a context that is no shop is an error in every call
    IF tenancy.is_restricted() THEN -- which other shops there are is nothing to this one
        PERFORM tenancy.check_access(wanted_customer_id, wanted_shop_id);
    ELSE
        PERFORM tenancy.check_shop(wanted_shop_id);
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
        FROM (
            SELECT o.*
            FROM public.bookings AS o
            WHERE o.customer_phone = c.phone
            UNION ALL
            SELECT o.*
            FROM public.bookings AS o
            WHERE o.customer_email = c.email
                AND (o.customer_phone = c.phone) IS NOT TRUE
                -- As tenancy.bookings_of() has it, but for customers whom the shop does not know: it could try their phones.
                AND NOT EXISTS (
                    SELECT
                    FROM public.customers AS n
                    JOIN public.customer_shop_profiles AS k ON k.customer_id = n.id
                    WHERE n.phone = o.customer_phone
                        AND k.shop_id = wanted_shop_id
                )
        ) AS b
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
'What a shop knows of a customer: name and contact, preferred stylist, spend there, and the last service and stylist there (of '
'the confirmed booking at last_booking_at, else of the newest). Always one row, with zeros and NULLs for a customer new to the '
'shop. Unknown customer or shop: 23503. Example: SELECT * FROM tenancy.customer_context(42, 3)';

COMMIT;
