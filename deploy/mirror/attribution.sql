-- Deploy convo_tenancy:mirror/attribution to pg

\set ON_ERROR_STOP on
\set change mirror/attribution
\ir ../support/begin.sql
\if :is_done \quit \endif

-- No SET clause, so that it is inlined. Rules 3 to 5 of the attribution.
CREATE OR REPLACE FUNCTION tenancy.shop_of_last_booking(customer_id integer, last_booking_at timestamptz)
RETURNS TABLE (shop_id integer)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        (
            SELECT b.shop_id
            FROM tenancy.bookings_of(shop_of_last_booking.customer_id) AS b
            WHERE b.start_at_utc = shop_of_last_booking.last_booking_at
            ORDER BY b.status = 'CONFIRMED' DESC, b.created_at DESC, b.id DESC
            LIMIT 1
        ),
        (
            SELECT p.shop_id
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = shop_of_last_booking.customer_id
                AND p.last_booking_at = shop_of_last_booking.last_booking_at
            ORDER BY p.shop_id
            LIMIT 1
        ),
        (SELECT d.default_shop_id FROM tenancy.settings AS d)
    );
END;

COMMENT ON FUNCTION tenancy.shop_of_last_booking(integer, timestamptz) IS
'The shop that statistics with this last_booking_at speak of: that of the customer''s booking that starts then (CONFIRMED first, '
'then the newest), else of the profile that holds that time, else the default shop. '
'Example: SELECT * FROM tenancy.shop_of_last_booking(42, ''2026-03-01 10:00+00'')';

CREATE OR REPLACE FUNCTION tenancy.attributed_shop(
    customer_id integer,
    last_booking_at timestamptz DEFAULT NULL,
    last_booking_before timestamptz DEFAULT NULL
)
RETURNS integer
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shop integer;
BEGIN
    IF current_setting('app.current_shop_id', TRUE) <> '' THEN
        RETURN tenancy.checked_shop_context();
    END IF;

    shop := (nullif(current_setting('tenancy.confirmed', TRUE), '')::jsonb -> customer_id::text)::integer;

    -- A correction, which leaves last_booking_at as it is: no need to look for the booking.
    IF shop IS NULL AND last_booking_at = last_booking_before THEN
        SELECT min(p.shop_id)
        INTO shop
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = attributed_shop.customer_id
            AND p.last_booking_at = attributed_shop.last_booking_at;
    END IF;

    IF shop IS NULL AND last_booking_at IS NOT NULL THEN
        SELECT s.shop_id
        INTO shop
        FROM tenancy.shop_of_last_booking(attributed_shop.customer_id, attributed_shop.last_booking_at) AS s;
    END IF;

    -- Without a time there is no booking to look for.
    IF shop IS NULL THEN
        SELECT d.default_shop_id
        INTO shop
        FROM tenancy.settings AS d;
    END IF;

    RETURN shop;
END;
$$;

COMMENT ON FUNCTION tenancy.attributed_shop(integer, timestamptz, timestamptz) IS
'The shop that a legacy write to this customer belongs to: the shop context, else the shop of the booking that this transaction '
'confirmed for the customer and that no statistics counted yet, else the profile that holds a last_booking_at which the write '
'leaves as it was, else tenancy.shop_of_last_booking(). Example: SELECT tenancy.attributed_shop(42, ''2026-03-01 10:00+00'')';

COMMIT;
