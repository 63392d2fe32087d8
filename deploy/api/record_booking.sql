-- Deploy convo_tenancy:api/record_booking to pg

\set ON_ERROR_STOP on
\set change api/record_booking
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

CREATE OR REPLACE FUNCTION tenancy.record_booking(
    customer_id integer,
    shop_id integer,
    stylist_id integer,
    spend_cents integer,
    booked_at timestamptz
)
RETURNS public.customer_shop_profiles
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    most_cents CONSTANT integer NOT NULL := 10000000; -- of one booking
    most_bookings CONSTANT integer NOT NULL := 1000000; -- of one profile, and so is
    most_total_cents CONSTANT integer NOT NULL := 100000000; -- what all shops share is 32 bits wide
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    profile public.customer_shop_profiles;
    count_before integer; -- of the stylist's bookings; NULL if there was none
    preferred integer;
    is_recorded boolean;
    notes text;
BEGIN
    IF spend_cents IS NULL OR spend_cents NOT BETWEEN 0 AND most_cents THEN
        RAISE EXCEPTION 'spend_cents is %, expected 0 to %', coalesce(spend_cents::text, 'NULL'), most_cents
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF (booked_at >= '1970-01-01 00:00+00' AND booked_at < '2100-01-01 00:00+00') IS NOT TRUE THEN
        RAISE EXCEPTION 'booked_at is %, expected the start of the booking, from 1970 to 2099', coalesce(booked_at::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    IF tenancy.is_restricted() THEN
        PERFORM tenancy.check_access(customer_id, shop_id);
    END IF;
    PERFORM tenancy.check_stylist(stylist_id, shop_id);
    PERFORM tenancy.lock_customer(customer_id, changes_totals => TRUE);

    -- The count before the profile, as whoever counts a stylist alone locks them. The profile follows it below: nothing to mirror.
    guard := tenancy.raise_guard();
    UPDATE public.customer_stylist_preferences AS p
    SET
        booking_count = p.booking_count + 1,
        updated_at = now()
    WHERE p.customer_id = record_booking.customer_id
        AND p.stylist_id = record_booking.stylist_id
    RETURNING p.booking_count - 1 INTO count_before;
    IF NOT FOUND THEN
        INSERT INTO public.customer_stylist_preferences AS p (customer_id, stylist_id, booking_count)
        VALUES (record_booking.customer_id, record_booking.stylist_id, 1)
        ON CONFLICT ON CONSTRAINT uq_customer_stylist_preference DO UPDATE
        SET
            booking_count = p.booking_count + 1,
            updated_at = now()
        RETURNING nullif(p.booking_count - 1, 0) INTO count_before;
    END IF;
    is_recorded := tenancy.note_write('profiles', customer_id, 'stylist counts'); -- cheaper than PERFORM

    guard := set_config('tenancy.mirroring', '', TRUE); -- whatever the caller set
    FOR attempt IN 1 .. 2 LOOP
        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = p.total_bookings + 1,
            total_spend_cents = p.total_spend_cents + spend_cents,
            last_booking_at = booked_at,
            updated_at = now()
        WHERE p.customer_id = record_booking.customer_id
            AND p.shop_id = record_booking.shop_id
        RETURNING p.* INTO profile;
        EXIT WHEN FOUND;

        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (record_booking.customer_id, record_booking.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END LOOP;

    IF profile.total_bookings > most_bookings OR profile.total_spend_cents > most_total_cents THEN
        RAISE EXCEPTION 'customer % would have % bookings for % cents in shop %, expected % for % at most',
            customer_id, profile.total_bookings, profile.total_spend_cents, shop_id, most_bookings, most_total_cents
            USING ERRCODE = 'numeric_value_out_of_range';
    END IF;

    -- One more booking with who is preferred changes nothing.
    IF profile.preferred_stylist_id IS DISTINCT FROM stylist_id THEN
        preferred := tenancy.follow_counts(
            profile.preferred_stylist_id, customer_id, shop_id, stylist_id, count_before, coalesce(count_before, 0) + 1
        );

        IF preferred IS DISTINCT FROM profile.preferred_stylist_id THEN
            UPDATE public.customer_shop_profiles AS p
            SET preferred_stylist_id = preferred
            WHERE p.id = profile.id
            RETURNING p.* INTO profile;
        END IF;
    END IF;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);

    -- It is counted: no statistics of the legacy code come for it.
    notes := current_setting('tenancy.confirmed', TRUE);
    IF notes <> '' THEN
        notes := set_config(
            'tenancy.confirmed',
            tenancy.without_note(notes, tenancy.note_of_booking(customer_id, booked_at) || shop_id),
            TRUE
        );
    END IF;
    RETURN profile;
END;
$$;

COMMENT ON FUNCTION tenancy.record_booking(integer, integer, integer, integer, timestamptz) IS
'Counts a customer''s booking in a shop: totals, last booking, the stylist''s count, and the preferred stylist unless one was '
'chosen. Returns the profile. Call it in the transaction that confirms the booking: a call repeated after a lost reply to '
'COMMIT counts twice. Unknown customer, shop or stylist, or a stylist of another shop: 23503. An amount below 0 or above '
'10,000,000 cents, or a time before 1970 or after 2099: 22023. More than 1,000,000 bookings or 100,000,000 cents of a customer '
'in a shop: 22003. Example: SELECT * FROM tenancy.record_booking(42, 3, 7, 4500, ''2026-03-01 10:00+00'')';

COMMIT;
