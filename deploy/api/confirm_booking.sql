-- Deploy convo_tenancy:api/confirm_booking to pg

\set ON_ERROR_STOP on
\set change api/confirm_booking
\ir ../support/begin.sql
\if :is_done \quit \endif

-- With the caller's own rights on bookings, alone of the SQL API: so policies, triggers and marks take it for the caller's own
-- statements, and it gives nobody more than the two calls in it do.
CREATE OR REPLACE FUNCTION tenancy.confirm_booking(
    booking_id uuid,
    shop_id integer,
    OUT is_counted boolean,
    OUT customer_id integer,
    OUT preferred_stylist_id integer,
    OUT total_bookings integer,
    OUT total_spend_cents integer,
    OUT last_booking_at timestamptz,
    OUT no_show_count integer
)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    booking record;
    price_cents integer;
BEGIN
    SELECT
        b.shop_id,
        b.stylist_id,
        b.status,
        b.customer_name,
        b.customer_email,
        b.customer_phone,
        b.start_at_utc,
        b.hold_expires_at_utc
    INTO booking
    FROM public.bookings AS b
    WHERE b.id = confirm_booking.booking_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'booking % does not exist', coalesce(booking_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF booking.shop_id IS DISTINCT FROM shop_id THEN
        RAISE EXCEPTION 'booking % is of shop %, not of shop %', booking_id, booking.shop_id, coalesce(shop_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation';
    END IF;

    is_counted := FALSE;
    IF booking.status = 'CONFIRMED' THEN -- by an earlier call, say, whose answer was lost
        customer_id := (SELECT k.customer_id FROM tenancy.customer_by_phone(booking.customer_phone) AS k);
        IF customer_id IS NULL THEN
            customer_id := (SELECT k.customer_id FROM tenancy.customer_by_email(booking.customer_email) AS k);
        END IF;
        IF customer_id IS NOT NULL THEN
            SELECT
                k.preferred_stylist_id,
                k.total_bookings,
                k.total_spend_cents,
                k.last_booking_at,
                k.no_show_count
            INTO
                preferred_stylist_id,
                total_bookings,
                total_spend_cents,
                last_booking_at,
                no_show_count
            FROM tenancy.customer_context(customer_id, shop_id) AS k;
        END IF;
        RETURN;
    END IF;
    -- By the clock: the transaction may be older than the hold, and the lock may have taken its time.
    IF booking.status = 'EXPIRED' OR (booking.status = 'HOLD' AND booking.hold_expires_at_utc <= clock_timestamp()) THEN
        RAISE EXCEPTION 'booking % has expired: hold the slot again', booking_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF booking.status <> 'HOLD' THEN
        RAISE EXCEPTION 'booking % is %, expected HOLD', booking_id, booking.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    -- The customer first, whom the confirmation locks.
    customer_id := tenancy.get_or_create_customer(booking.customer_email, booking.customer_phone, booking.customer_name);

    UPDATE public.bookings AS b
    SET
        status = 'CONFIRMED',
        updated_at = now()
    WHERE b.id = confirm_booking.booking_id
    RETURNING (SELECT v.price_cents FROM public.services AS v WHERE v.id = b.service_id)
    INTO price_cents;

    IF customer_id IS NOT NULL THEN
        SELECT
            TRUE,
            p.preferred_stylist_id,
            p.total_bookings,
            p.total_spend_cents,
            p.last_booking_at,
            p.no_show_count
        INTO
            is_counted,
            preferred_stylist_id,
            total_bookings,
            total_spend_cents,
            last_booking_at,
            no_show_count
        FROM tenancy.record_booking(customer_id, shop_id, booking.stylist_id, price_cents, booking.start_at_utc) AS p;
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.confirm_booking(uuid, integer) IS
'Confirms a held booking, finds or makes its customer, and counts it at the list price of its service. Returns the customer and '
'the shop''s profile; customer_id is NULL if the booking names nobody. A booking that is CONFIRMED already is not counted '
'(is_counted is false) and makes no customer, so repeat the call after a lost reply. The caller needs rights to read and write '
'bookings. Unknown booking, another shop''s booking, a stylist who moved: 23503. An expired hold, or no hold: 55000. Other '
'errors as of tenancy.get_or_create_customer() and tenancy.record_booking(). Example: SELECT * FROM '
'tenancy.confirm_booking(''00000000-0000-0000-0000-000000000042'', 3)';

COMMIT;
