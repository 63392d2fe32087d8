-- Deploy convo_tenancy:mirror/mirror_statistics_to_profiles to pg

\set ON_ERROR_STOP on
\set change mirror/mirror_statistics_to_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.apply_statistics(
    before tenancy.statistics,
    after tenancy.statistics,
    OUT shop integer,
    OUT average_spend_cents integer
)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    earlier tenancy.statistics; -- the customer's row before; NULL if there was none
    notes text NOT NULL := coalesce(current_setting('tenancy.confirmed', TRUE), '');
    note text; -- of the booking that is counted
    has_note boolean;
    counts_booking boolean; -- or else it is a correction
    is_recalled boolean NOT NULL := FALSE;
    held_bookings bigint; -- by all shops together
    held_spend_cents bigint;
    held_no_shows bigint;
    holding_shop integer; -- whose profile holds the time of the last booking
    begins_then boolean; -- a booking, maybe another customer's
    is_recorded boolean;
    is_applied boolean;
BEGIN
    IF after.customer_id = before.customer_id THEN
        earlier := before;
    ELSIF before.customer_id IS NOT NULL THEN
        -- The row went, and the totals with it. It may come back.
        PERFORM tenancy.remember_profiles(before.customer_id);
        PERFORM tenancy.apply_residual(p.customer_id, p.shop_id, total_bookings => 0, total_spend_cents => 0)
        FROM (
            SELECT
                o.customer_id,
                min(o.shop_id) AS shop_id
            FROM public.customer_shop_profiles AS o
            WHERE o.customer_id = before.customer_id
            GROUP BY o.customer_id
        ) AS p;
        IF before.total_bookings <> 0 OR before.total_spend_cents <> 0 THEN
            is_recorded := tenancy.note_write('legacy', before.customer_id, 'bookings'); -- cheaper than PERFORM
        END IF;
    END IF;

    IF after.customer_id IS NULL THEN
        RETURN;
    END IF;

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
        after.total_bookings,
        after.total_spend_cents,
        after.last_booking_at,
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
    WHERE s.customer_id = after.customer_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    IF (after.total_bookings, after.total_spend_cents) IS DISTINCT FROM (earlier.total_bookings, earlier.total_spend_cents) THEN
        is_recorded := tenancy.note_write('legacy', after.customer_id, 'bookings');
    END IF;

    has_note := strpos(notes, ' ' || after.customer_id || ':') > 0;
    counts_booking := earlier.customer_id IS NULL OR nullif(after.last_booking_at, earlier.last_booking_at) IS NOT NULL;

    -- A row without a booking comes back as it was, or from a dump.
    IF earlier.customer_id IS NULL AND NOT has_note THEN
        is_recalled := tenancy.recall_profiles(
            after.customer_id, after.total_bookings, after.total_spend_cents, after.last_booking_at
        );
    END IF;

    IF has_note THEN
        note := tenancy.note_of_booking(after.customer_id, after.last_booking_at);
    END IF;
    IF NOT is_recalled THEN
        -- The usual cases, as attributed_shop() has them
        IF coalesce(current_setting('app.current_shop_id', TRUE), '') = '' THEN
            IF has_note THEN
                shop := tenancy.noted_shop(notes, note);
            ELSIF holding_shop IS NOT NULL AND NOT begins_then THEN
                shop := holding_shop;
            ELSIF NOT begins_then AND after.last_booking_at IS DISTINCT FROM earlier.last_booking_at THEN
                SELECT d.default_shop_id INTO shop FROM tenancy.settings AS d;
            END IF;
        END IF;
        shop := coalesce(
            shop, tenancy.attributed_shop(after.customer_id, after.last_booking_at, earlier.last_booking_at)
        );
        is_applied := tenancy.apply_residual(
            after.customer_id,
            shop,
            total_bookings => after.total_bookings,
            total_spend_cents => after.total_spend_cents,
            last_booking_at => nullif(after.last_booking_at, earlier.last_booking_at),
            earlier => earlier,
            claims_booking => counts_booking,
            held_bookings => held_bookings,
            held_spend_cents => held_spend_cents,
            held_no_shows => held_no_shows
        );
    END IF;

    -- The confirmed booking is counted.
    IF has_note THEN
        notes := set_config('tenancy.confirmed', CASE
            WHEN after.total_bookings > coalesce(earlier.total_bookings, 0) + 1 -- all of them, it seems
                THEN regexp_replace(notes, ' ' || after.customer_id || ':[^ ]*', '', 'g')
            WHEN strpos(notes, note) > 0 THEN tenancy.without_note(notes, note || tenancy.noted_shop(notes, note))
            WHEN counts_booking THEN regexp_replace(notes, '(.*) ' || after.customer_id || ':[^ ]*', '\1')
            ELSE notes
        END, TRUE);
        average_spend_cents := after.total_spend_cents / nullif(greatest(after.total_bookings, 0), 0);
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.apply_statistics(tenancy.statistics, tenancy.statistics) IS
'Carries a write of customer_booking_stats to the profile of its shop (tenancy.attributed_shop), by the residual rule. before '
'is NULL for a new row; after is NULL for a deleted one, whose totals become zero. Returns the shop and, if this transaction '
'confirmed the booking, the average that customers should hold. Example: SELECT * FROM tenancy.apply_statistics(NULL, (42, 1, '
'4500, now()))';

CREATE OR REPLACE FUNCTION tenancy.mirror_statistics_to_profiles()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    moment CONSTANT timestamptz NOT NULL := clock_timestamp(); -- the transaction may have begun long ago
    guard_before CONSTANT text NOT NULL := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    notes text NOT NULL := coalesce(current_setting('tenancy.confirmed', TRUE), '');
    note text; -- of the booking that is counted; NULL if there is none
    shop integer;
    average_before integer;
    average integer;
    is_counted boolean; -- the writer, already
    is_recorded boolean;
BEGIN
    IF guard_before <> '' THEN
        IF tenancy.is_mirroring() THEN
            RETURN NULL;
        END IF;
    END IF;

    IF TG_OP = 'INSERT' THEN
        IF NEW.total_bookings = 0 AND NEW.total_spend_cents = 0 AND NEW.last_booking_at IS NULL THEN
            RETURN NULL; -- says nothing
        END IF;
    ELSIF TG_OP = 'UPDATE' AND coalesce(current_setting('app.current_shop_id', TRUE), '') = '' THEN
        -- The usual case, in one statement: one profile takes it all. It is that of a booking which this transaction confirmed, or
        -- the one that holds the time of the last booking. Rows count as they are by now: a trigger of somebody else's may have
        -- written them again.
        IF notes <> '' THEN
            note := tenancy.note_of_booking(NEW.customer_id, NEW.last_booking_at);
            shop := tenancy.noted_shop(notes, note);
        END IF;
        IF shop IS NOT NULL OR notes = '' AND NEW.last_booking_at = OLD.last_booking_at THEN
            guard := tenancy.raise_guard();

            UPDATE public.customer_shop_profiles AS p
            SET
                total_bookings = p.total_bookings + s.total_bookings - held.bookings,
                total_spend_cents = p.total_spend_cents + s.total_spend_cents - held.spend_cents,
                last_booking_at = CASE
                    WHEN s.last_booking_at = OLD.last_booking_at THEN p.last_booking_at
                    ELSE s.last_booking_at
                END,
                updated_at = now()
            FROM public.customer_booking_stats AS s
            JOIN public.customers AS c ON c.id = s.customer_id
            CROSS JOIN LATERAL (
                SELECT
                    sum(o.total_bookings) AS bookings,
                    sum(o.total_spend_cents) AS spend_cents,
                    min(o.shop_id) FILTER (WHERE o.last_booking_at = s.last_booking_at) AS shop_id,
                    (s.total_bookings, s.total_spend_cents) <> (OLD.total_bookings, OLD.total_spend_cents) AS is_change
                FROM public.customer_shop_profiles AS o
                WHERE o.customer_id = s.customer_id
            ) AS held
            WHERE s.customer_id = NEW.customer_id
                AND s.customer_id = OLD.customer_id
                AND s.last_booking_at = NEW.last_booking_at
                AND p.customer_id = s.customer_id
                AND p.shop_id = coalesce(shop, held.shop_id)
                -- One booking at most, so that nothing was missed
                AND (shop IS NULL OR s.total_bookings <= OLD.total_bookings + 1)
                AND (s.total_bookings <= held.bookings + 1 OR s.last_booking_at = OLD.last_booking_at)
                -- and no other profile gives
                AND s.total_bookings >= held.bookings - p.total_bookings
                AND s.total_spend_cents >= held.spend_cents - p.total_spend_cents
            RETURNING
                p.shop_id,
                c.average_spend_cents,
                CASE
                    WHEN note IS NULL THEN c.average_spend_cents
                    ELSE s.total_spend_cents / nullif(greatest(s.total_bookings, 0), 0)
                END,
                EXISTS (SELECT FROM tenancy.counted_legacy_writes(p.shop_id, moment)),
                held.is_change AND tenancy.note_write('legacy', s.customer_id, 'bookings')
            INTO
                shop,
                average_before,
                average,
                is_counted,
                is_recorded;

            guard := set_config('tenancy.mirroring', guard_before, TRUE);
            IF note IS NOT NULL AND is_counted IS NOT NULL THEN
                notes := set_config('tenancy.confirmed', tenancy.without_note(notes, note || shop), TRUE);
            END IF;
        END IF;
    END IF;

    IF is_counted IS NULL THEN
        SELECT
            a.shop,
            a.average_spend_cents,
            EXISTS (SELECT FROM tenancy.counted_legacy_writes(a.shop, moment))
        INTO
            shop,
            average,
            is_counted
        FROM tenancy.apply_statistics(
            CASE WHEN TG_OP <> 'INSERT' THEN
                (OLD.customer_id, OLD.total_bookings, OLD.total_spend_cents, OLD.last_booking_at)::tenancy.statistics
            END,
            CASE WHEN TG_OP <> 'DELETE' THEN
                (NEW.customer_id, NEW.total_bookings, NEW.total_spend_cents, NEW.last_booking_at)::tenancy.statistics
            END
        ) AS a;
    END IF;

    -- The application compared the new average with one that it read before the booking locked the customer: what it did not write
    -- back, is written here.
    IF average IS DISTINCT FROM average_before THEN
        UPDATE public.customers AS c
        SET
            average_spend_cents = average,
            updated_at = now()
        WHERE c.id = NEW.customer_id
            AND c.average_spend_cents <> average;
    END IF;
    IF NOT is_counted THEN
        is_recorded := tenancy.count_legacy_write(shop, moment);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mirror_statistics_to_profiles() IS
'Trigger: carries a write of customer_booking_stats to the profile of its shop, generally by tenancy.apply_statistics(), and '
'records the writer. An inserted row of zeros changes nothing.';

COMMIT;
