-- Deploy convo_tenancy:mirror/mirror_statistics_to_profiles to pg

\set ON_ERROR_STOP on
\set change mirror/mirror_statistics_to_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.mirror_statistics_to_profiles()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    earlier tenancy.statistics; -- the customer's row before; NULL if there was none
    moment CONSTANT timestamptz NOT NULL := clock_timestamp(); -- the transaction may have begun long ago
    notes text NOT NULL := coalesce(current_setting('tenancy.confirmed', TRUE), '');
    note text; -- of the booking that is counted
    note_at integer;
    has_note boolean;
    counts_booking boolean; -- or else it is a correction
    is_recalled boolean NOT NULL := FALSE;
    average integer;
    held_bookings bigint; -- by all shops together
    held_spend_cents bigint;
    held_no_shows bigint;
    holding_shop integer; -- whose profile holds the time of the last booking
    begins_then boolean; -- a booking, maybe another customer's
    shop integer;
    is_recorded boolean;
    is_applied boolean;
BEGIN
    IF tenancy.is_mirroring() THEN
        RETURN NULL;
    END IF;

    IF TG_OP = 'UPDATE' AND NEW.customer_id = OLD.customer_id THEN
        earlier := (OLD.customer_id, OLD.total_bookings, OLD.total_spend_cents, OLD.last_booking_at);
    ELSIF TG_OP <> 'INSERT' THEN
        -- The row went, and the totals with it. It may come back.
        PERFORM tenancy.remember_profiles(OLD.customer_id);
        PERFORM tenancy.apply_residual(p.customer_id, p.shop_id, total_bookings => 0, total_spend_cents => 0)
        FROM (
            SELECT
                o.customer_id,
                min(o.shop_id) AS shop_id
            FROM public.customer_shop_profiles AS o
            WHERE o.customer_id = OLD.customer_id
            GROUP BY o.customer_id
        ) AS p;
        IF OLD.total_bookings <> 0 OR OLD.total_spend_cents <> 0 THEN
            is_recorded := tenancy.note_write('legacy', OLD.customer_id, 'bookings'); -- cheaper than PERFORM
        END IF;
    END IF;

    IF TG_OP = 'INSERT' AND NEW.total_bookings = 0 AND NEW.total_spend_cents = 0 AND NEW.last_booking_at IS NULL THEN
        RETURN NULL; -- says nothing
    END IF;

    IF TG_OP <> 'DELETE' THEN
        -- As the row is by now: a trigger of somebody else's may have written it again.
        SELECT
            s.total_bookings,
            s.total_spend_cents,
            s.last_booking_at,
            h.bookings,
            h.spend_cents,
            h.no_shows,
            h.shop_id,
            s.last_booking_at IS DISTINCT FROM earlier.last_booking_at AND EXISTS (
                SELECT
                FROM public.bookings AS b
                WHERE b.start_at_utc = s.last_booking_at
            )
        INTO
            NEW.total_bookings,
            NEW.total_spend_cents,
            NEW.last_booking_at,
            held_bookings,
            held_spend_cents,
            held_no_shows,
            holding_shop,
            begins_then
        FROM public.customer_booking_stats AS s
        CROSS JOIN LATERAL (
            SELECT
                sum(p.total_bookings) AS bookings,
                sum(p.total_spend_cents) AS spend_cents,
                sum(p.no_show_count) AS no_shows,
                min(p.shop_id) FILTER (WHERE p.last_booking_at = s.last_booking_at) AS shop_id
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = s.customer_id
        ) AS h
        WHERE s.customer_id = NEW.customer_id;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;

        IF (NEW.total_bookings, NEW.total_spend_cents) IS DISTINCT FROM (earlier.total_bookings, earlier.total_spend_cents) THEN
            is_recorded := tenancy.note_write('legacy', NEW.customer_id, 'bookings');
        END IF;

        has_note := strpos(notes, ' ' || NEW.customer_id || ':') > 0;
        counts_booking := earlier.customer_id IS NULL OR nullif(NEW.last_booking_at, earlier.last_booking_at) IS NOT NULL;

        -- A row without a booking comes back as it was, or from a dump.
        IF earlier.customer_id IS NULL AND NOT has_note THEN
            is_recalled := tenancy.recall_profiles(
                NEW.customer_id, NEW.total_bookings, NEW.total_spend_cents, NEW.last_booking_at
            );
        END IF;

        IF has_note THEN
            note := tenancy.note_of_booking(NEW.customer_id, NEW.last_booking_at);
        END IF;
        IF NOT is_recalled THEN
            -- The usual cases, as attributed_shop() has them
            IF coalesce(current_setting('app.current_shop_id', TRUE), '') = '' THEN
                IF has_note THEN
                    shop := tenancy.noted_shop(notes, note);
                ELSIF holding_shop IS NOT NULL AND NOT begins_then THEN
                    shop := holding_shop;
                ELSIF NOT begins_then AND NEW.last_booking_at IS DISTINCT FROM earlier.last_booking_at THEN
                    SELECT d.default_shop_id INTO shop FROM tenancy.settings AS d;
                END IF;
            END IF;
            shop := coalesce(
                shop, tenancy.attributed_shop(NEW.customer_id, NEW.last_booking_at, earlier.last_booking_at)
            );
            is_applied := tenancy.apply_residual(
                NEW.customer_id,
                shop,
                total_bookings => NEW.total_bookings,
                total_spend_cents => NEW.total_spend_cents,
                last_booking_at => nullif(NEW.last_booking_at, earlier.last_booking_at),
                earlier => earlier,
                claims_booking => counts_booking,
                held_bookings => held_bookings,
                held_spend_cents => held_spend_cents,
                held_no_shows => held_no_shows
            );
        END IF;

        -- The confirmed booking is counted. The application compared the new average with one that it read before
        -- the booking locked the customer: what it did not write back, is written here.
        IF has_note THEN
            note_at := strpos(notes, note);
            notes := set_config('tenancy.confirmed', CASE
                WHEN NEW.total_bookings > coalesce(earlier.total_bookings, 0) + 1 -- all of them, it seems
                    THEN regexp_replace(notes, ' ' || NEW.customer_id || ':[^ ]*', '', 'g')
                WHEN note_at > 0 THEN left(notes, note_at - 1) || coalesce(substring(substr(notes, note_at + 1) FROM ' .*'), '')
                WHEN counts_booking THEN regexp_replace(notes, '(.*) ' || NEW.customer_id || ':[^ ]*', '\1')
                ELSE notes
            END, TRUE);
            average := NEW.total_spend_cents / nullif(greatest(NEW.total_bookings, 0), 0);

            UPDATE public.customers AS c
            SET
                average_spend_cents = average,
                updated_at = now()
            WHERE c.id = NEW.customer_id
                AND c.average_spend_cents <> average;
        END IF;
    END IF;

    PERFORM FROM tenancy.counted_legacy_writes(shop, moment);
    IF NOT FOUND THEN
        is_recorded := tenancy.count_legacy_write(shop, moment);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mirror_statistics_to_profiles() IS
'Trigger: carries a write to customer_booking_stats to the profile of the shop that it belongs to (tenancy.attributed_shop), by '
'the residual rule. An inserted row of zeros says nothing; a deleted one, that the totals are zero.';

COMMIT;
