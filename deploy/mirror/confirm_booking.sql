-- Deploy convo_tenancy:mirror/confirm_booking to pg

\set ON_ERROR_STOP on
\set change mirror/confirm_booking
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.lock_customer_of_booking(customer_phone varchar, customer_email varchar)
RETURNS integer
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer integer;
BEGIN
    SELECT c.id
    INTO customer
    FROM public.customers AS c
    WHERE c.phone = lock_customer_of_booking.customer_phone
    ORDER BY c.id
    LIMIT 1
    FOR NO KEY UPDATE;

    IF NOT FOUND THEN
        SELECT c.id
        INTO customer
        FROM public.customers AS c
        WHERE c.email = lock_customer_of_booking.customer_email
        FOR NO KEY UPDATE;
    END IF;

    RETURN customer;
END;
$$;

COMMENT ON FUNCTION tenancy.lock_customer_of_booking(varchar, varchar) IS
'Locks the customer of a booking with this phone and email (rule of tenancy.bookings_of) and returns the id; NULL if there is '
'none. Example: SELECT tenancy.lock_customer_of_booking(''+15550109999'', ''ann@example.com'')';

CREATE OR REPLACE FUNCTION tenancy.note_confirmed_booking()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    customer integer;
    is_unproven boolean;
    notes text := coalesce(current_setting('tenancy.confirmed', TRUE), '');
BEGIN
    -- The usual case in one statement. The customer first, then the count that the application raises last: whoever counts a
    -- stylist alone locks the count and comes to want the profile, so the count comes before the profile here, too.
    SELECT
        c.id,
        EXISTS (SELECT FROM tenancy.unproven_bookings AS u WHERE u.booking_id = NEW.id)
    INTO
        customer,
        is_unproven
    FROM (
        SELECT o.id
        FROM public.customers AS o
        WHERE o.phone = NEW.customer_phone
        ORDER BY o.id
        LIMIT 1
        FOR NO KEY UPDATE
    ) AS c
    LEFT JOIN LATERAL (
        SELECT o.id
        FROM public.customer_stylist_preferences AS o
        WHERE o.customer_id = c.id
            AND o.stylist_id = NEW.stylist_id
        FOR NO KEY UPDATE
    ) AS p ON TRUE;

    IF NOT FOUND THEN
        is_unproven := TRUE; -- maybe
        customer := tenancy.lock_customer_of_booking(NEW.customer_phone, NEW.customer_email);
        PERFORM
        FROM public.customer_stylist_preferences AS p
        WHERE p.customer_id = customer
            AND p.stylist_id = NEW.stylist_id
        FOR NO KEY UPDATE;
    END IF;

    IF is_unproven AND TG_OP = 'UPDATE' THEN
        DELETE FROM tenancy.unproven_bookings AS u WHERE u.booking_id = NEW.id; -- who may write any booking says so now
    END IF;

    IF customer IS NULL THEN
        RETURN NEW;
    END IF;

    -- For the mirror of the statistics. A statement that confirms thousands must not build a list of them all:
    -- whose note is lost, their shop is found by the start of the booking.
    IF length(notes) > 1000 THEN
        notes := '';
    END IF;
    notes := set_config(
        'tenancy.confirmed', notes || tenancy.note_of_booking(customer, NEW.start_at_utc) || NEW.shop_id, TRUE
    );
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION tenancy.note_confirmed_booking() IS
'Trigger: when a booking becomes CONFIRMED, locks its customer and its stylist''s count, and notes shop and start for the '
'statistics that count it. So a transaction that reads the statistics next and writes them back loses no other booking. Skips '
'members of convo_shop, who write no statistics.';

COMMIT;
