-- Deploy convo_tenancy:mirror/apply_delta to pg

\set ON_ERROR_STOP on
\set change mirror/apply_delta
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

-- No SET clause, so that it is inlined.
CREATE OR REPLACE FUNCTION tenancy.added(total integer, difference integer)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN difference <= 0 THEN total + difference
    ELSE greatest(total, least(total::bigint + difference, 2000000000))
END;

COMMENT ON FUNCTION tenancy.added(integer, integer) IS
'Adds a shop''s difference to a total of the legacy side, up to 2,000,000,000. The cap keeps room for the legacy application, '
'so that the shared total fails for no shop and tells none what the others have. Example: tenancy.added(1999999999, 5) = '
'2000000000';

CREATE OR REPLACE FUNCTION tenancy.apply_delta(
    before public.customer_shop_profiles,
    after public.customer_shop_profiles
)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
SET lock_timeout = '500ms' -- below deadlock_timeout: who writes a profile directly gives way to who locked the customer first
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    customer CONSTANT integer NOT NULL := coalesce(after.customer_id, before.customer_id);
    shop CONSTANT integer NOT NULL := coalesce(after.shop_id, before.shop_id);
    bookings CONSTANT integer NOT NULL := coalesce(after.total_bookings, 0) - coalesce(before.total_bookings, 0);
    spend_cents CONSTANT integer NOT NULL := coalesce(after.total_spend_cents, 0) - coalesce(before.total_spend_cents, 0);
    no_shows CONSTANT integer NOT NULL := coalesce(after.no_show_count, 0) - coalesce(before.no_show_count, 0);
    last_changed CONSTANT boolean NOT NULL := after.last_booking_at IS DISTINCT FROM before.last_booking_at;
    stylist_changed boolean NOT NULL := after.preferred_stylist_id IS DISTINCT FROM before.preferred_stylist_id;
    preferred integer; -- that customers has
    average_before integer;
    newest timestamptz; -- last booking, of all profiles
    average integer;
    is_recorded boolean;
BEGIN
    IF bookings = 0 AND spend_cents = 0 AND no_shows = 0 AND NOT last_changed AND NOT stylist_changed THEN
        RETURN;
    END IF;

    -- The profile once more, as it is by now: a trigger of somebody else's may have written it again. Differences add up,
    -- what is copied does not.
    SELECT
        c.preferred_stylist_id,
        c.average_spend_cents,
        p.last_booking_at,
        p.preferred_stylist_id
    INTO
        preferred,
        average_before,
        after.last_booking_at,
        after.preferred_stylist_id
    FROM public.customers AS c
    LEFT JOIN public.customer_shop_profiles AS p ON p.id = after.id
    WHERE c.id = customer
    FOR NO KEY UPDATE OF c;
    IF NOT FOUND THEN
        RETURN; -- the customer is going: nothing may come back
    END IF;

    IF bookings <> 0 OR spend_cents <> 0 THEN
        is_recorded := tenancy.note_write('profiles', customer, 'bookings'); -- cheaper than PERFORM
    END IF;
    IF no_shows <> 0 THEN
        is_recorded := tenancy.note_write('profiles', customer, 'no-shows');
    END IF;
    IF stylist_changed THEN
        is_recorded := tenancy.note_write('profiles', customer, 'preference');
    END IF;

    -- What is rare is looked up here, not in the UPDATEs below: they would be planned anew each time.
    IF stylist_changed AND preferred IS NOT NULL THEN
        stylist_changed := coalesce(shop = (SELECT s.shop_id FROM public.stylists AS s WHERE s.id = preferred), FALSE);
    END IF;
    IF last_changed AND after.last_booking_at IS NULL THEN
        newest := (SELECT max(p.last_booking_at) FROM public.customer_shop_profiles AS p WHERE p.customer_id = customer);
    END IF;

    guard := tenancy.raise_guard();

    IF bookings <> 0 OR spend_cents <> 0 OR last_changed THEN
        FOR attempt IN 1 .. 2 LOOP
            UPDATE public.customer_booking_stats AS s
            SET
                total_bookings = tenancy.added(s.total_bookings, bookings),
                total_spend_cents = tenancy.added(s.total_spend_cents, spend_cents),
                last_booking_at = CASE
                    WHEN NOT last_changed THEN s.last_booking_at
                    WHEN after.last_booking_at IS NOT NULL THEN after.last_booking_at
                    -- The profile that held the value does not any more: one that some profile holds takes its place.
                    WHEN s.last_booking_at = before.last_booking_at THEN newest
                    ELSE s.last_booking_at
                END,
                updated_at = now()
            WHERE s.customer_id = customer
            RETURNING CASE WHEN s.total_bookings > 0 THEN s.total_spend_cents / s.total_bookings ELSE 0 END
            INTO average;
            EXIT WHEN FOUND OR (bookings = 0 AND spend_cents = 0);

            INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
            VALUES (customer, 0, 0)
            ON CONFLICT (customer_id) DO NOTHING;
        END LOOP;
    END IF;

    IF average <> average_before OR no_shows <> 0 OR stylist_changed THEN
        UPDATE public.customers AS c
        SET
            average_spend_cents = coalesce(average, c.average_spend_cents),
            no_show_count = tenancy.added(c.no_show_count, no_shows),
            preferred_stylist_id = CASE WHEN stylist_changed THEN after.preferred_stylist_id ELSE c.preferred_stylist_id END,
            updated_at = now()
        WHERE c.id = customer;
    END IF;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
END;
$$;

COMMENT ON FUNCTION tenancy.apply_delta(public.customer_shop_profiles, public.customer_shop_profiles) IS
'Adds what changed in a profile to the legacy side, as differences: those commute, and the statistics may hold history that no '
'profile shows. before is NULL for a new profile, after for a deleted one. Not mirrored. Locks the customer, then the '
'statistics. Example: mirror trigger of public.customer_shop_profiles';

COMMIT;
