-- Deploy convo_tenancy:migrate/repair to pg

BEGIN;

CALL tenancy.begin_change();

CREATE OR REPLACE FUNCTION tenancy.both_sides(customer_ids integer[])
RETURNS TABLE (customer_id integer, shop_id integer, field text, value text)
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        s.customer_id,
        NULL::integer,
        'customer_booking_stats.' || f.key,
        f.value
    FROM public.customer_booking_stats AS s
    CROSS JOIN LATERAL jsonb_each_text(to_jsonb(s) - '{customer_id,created_at,updated_at}'::text[]) AS f (key, value)
    WHERE s.customer_id = ANY (both_sides.customer_ids) -- noqa: CP03,LT01,LT06
    UNION ALL
    SELECT
        c.id,
        NULL,
        'customers.' || f.key,
        f.value
    FROM public.customers AS c
    CROSS JOIN LATERAL
        jsonb_each_text(
            to_jsonb(c) - '{id,email,phone,name,created_at,updated_at}'::text[]
        ) AS f (key, value)
    WHERE c.id = ANY (both_sides.customer_ids) -- noqa: CP03,LT01,LT06
    UNION ALL
    SELECT
        p.customer_id,
        p.shop_id,
        'customer_shop_profiles.' || f.key,
        f.value
    FROM public.customer_shop_profiles AS p
    CROSS JOIN LATERAL
        jsonb_each_text(
            to_jsonb(p) - '{id,customer_id,shop_id,created_at,updated_at}'::text[]
        ) AS f (key, value)
    WHERE p.customer_id = ANY (both_sides.customer_ids); -- noqa: CP03,LT01,LT06
$$;

COMMENT ON FUNCTION tenancy.both_sides(integer[]) IS
'What both sides hold of these customers, a row a value. Example: SELECT * FROM tenancy.both_sides(ARRAY[42])';

CREATE OR REPLACE FUNCTION tenancy.split_anew(customer_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.customer_shop_profiles AS p
    SET
        preferred_stylist_id = NULL,
        total_bookings = 0,
        total_spend_cents = 0,
        last_booking_at = NULL,
        no_show_count = 0,
        updated_at = now()
    WHERE p.customer_id = split_anew.customer_id;

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
    FROM tenancy.split(ARRAY[split_anew.customer_id]) AS s
    ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO UPDATE
    SET
        preferred_stylist_id = excluded.preferred_stylist_id,
        total_bookings = excluded.total_bookings,
        total_spend_cents = excluded.total_spend_cents,
        last_booking_at = excluded.last_booking_at,
        no_show_count = excluded.no_show_count;
END;
$$;

COMMENT ON FUNCTION tenancy.split_anew(integer) IS
'Part of tenancy.repair(): writes the profiles of one customer as tenancy.split() gives them now.';

CREATE OR REPLACE FUNCTION tenancy.repair_from_legacy(customer_id integer, kinds text[])
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer record;
    is_right boolean; -- negative totals are nobody's
BEGIN
    SELECT
        coalesce(s.total_bookings, 0) AS total_bookings,
        coalesce(s.total_spend_cents, 0) AS total_spend_cents,
        s.last_booking_at,
        c.no_show_count,
        c.preferred_stylist_id,
        t.shop_id AS preferred_shop_id,
        l.shop_id
    INTO customer
    FROM public.customers AS c
    LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
    LEFT JOIN public.stylists AS t ON t.id = c.preferred_stylist_id
    CROSS JOIN LATERAL tenancy.shop_of_last_booking(c.id, s.last_booking_at) AS l
    WHERE c.id = repair_from_legacy.customer_id;

    is_right := least(customer.total_bookings, customer.total_spend_cents) >= 0;

    IF 'negative' = ANY (kinds) THEN
        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = greatest(p.total_bookings, 0),
            total_spend_cents = greatest(p.total_spend_cents, 0),
            no_show_count = greatest(p.no_show_count, 0),
            updated_at = now()
        WHERE p.customer_id = repair_from_legacy.customer_id
            AND least(p.total_bookings, p.total_spend_cents, p.no_show_count) < 0;
    END IF;

    IF kinds && '{totals,last_booking_at,no_show_count,negative}' THEN
        PERFORM tenancy.apply_residual(
            repair_from_legacy.customer_id,
            customer.shop_id,
            total_bookings => CASE WHEN kinds && '{totals,negative}' AND is_right THEN customer.total_bookings END,
            total_spend_cents => CASE WHEN kinds && '{totals,negative}' AND is_right THEN customer.total_spend_cents END,
            last_booking_at => CASE WHEN 'last_booking_at' = ANY (kinds) THEN customer.last_booking_at END,
            no_show_count => CASE
                WHEN kinds && '{no_show_count,negative}' AND customer.no_show_count >= 0 THEN customer.no_show_count
            END
        );
    END IF;

    IF 'preferred_stylist' = ANY (kinds) THEN
        PERFORM tenancy.prefer_stylist(
            repair_from_legacy.customer_id, customer.preferred_shop_id, customer.preferred_stylist_id
        );
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.repair_from_legacy(integer, text[]) IS
'Part of tenancy.repair(): mends these kinds of drift of one customer by the residual rule; the legacy side is right.';

CREATE OR REPLACE FUNCTION tenancy.repair_from_profiles(customer_id integer, kinds text[])
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF kinds && '{totals,last_booking_at,negative}' THEN
        INSERT INTO public.customer_booking_stats AS s (
            customer_id, total_bookings, total_spend_cents, last_booking_at
        )
        SELECT
            p.customer_id,
            sum(p.total_bookings),
            sum(p.total_spend_cents),
            max(p.last_booking_at)
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = repair_from_profiles.customer_id
        GROUP BY p.customer_id
        HAVING least(min(p.total_bookings), min(p.total_spend_cents)) >= 0
        ON CONFLICT (customer_id) DO UPDATE
        SET
            total_bookings = excluded.total_bookings,
            total_spend_cents = excluded.total_spend_cents,
            last_booking_at = CASE
                WHEN 'last_booking_at' = ANY (kinds) THEN excluded.last_booking_at
                ELSE s.last_booking_at
            END,
            updated_at = now();
    END IF;

    IF kinds && '{totals,no_show_count,preferred_stylist,negative}' THEN
        UPDATE public.customers AS c
        SET
            average_spend_cents = CASE
                WHEN kinds && '{totals,negative}' AND profiles.lowest_total >= 0 THEN coalesce(profiles.average_spend_cents, 0)
                ELSE c.average_spend_cents
            END,
            no_show_count = CASE WHEN profiles.lowest_no_shows >= 0 THEN profiles.no_show_count ELSE c.no_show_count END,
            preferred_stylist_id = CASE
                WHEN 'preferred_stylist' = ANY (kinds) THEN (
                    SELECT p.preferred_stylist_id
                    FROM public.stylists AS s
                    JOIN public.customer_shop_profiles AS p ON p.shop_id = s.shop_id
                    WHERE s.id = c.preferred_stylist_id
                        AND p.customer_id = c.id
                )
                ELSE c.preferred_stylist_id
            END,
            updated_at = now()
        FROM (
            SELECT
                sum(p.total_spend_cents) / nullif(sum(p.total_bookings), 0) AS average_spend_cents,
                least(min(p.total_bookings), min(p.total_spend_cents)) AS lowest_total,
                sum(p.no_show_count) AS no_show_count,
                min(p.no_show_count) AS lowest_no_shows
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = repair_from_profiles.customer_id
        ) AS profiles
        WHERE c.id = repair_from_profiles.customer_id;
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.repair_from_profiles(integer, text[]) IS
'Part of tenancy.repair(): mends these kinds of drift of one customer; the profiles are right.';

CREATE OR REPLACE FUNCTION tenancy.repair(
    customer_ids integer[],
    source text DEFAULT 'legacy',
    is_reconcile boolean DEFAULT FALSE
)
RETURNS TABLE (customer_id integer, shop_id integer, field text, value_before text, value_after text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '500ms' -- below deadlock_timeout: it gives way to the application, not the other way round
SET jit = off
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    locked integer[];
    sides_before jsonb;
    drifted record;
BEGIN
    IF source IS NULL OR source NOT IN ('legacy', 'profiles') THEN
        RAISE EXCEPTION 'source is "%", expected legacy or profiles', source
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    locked := ARRAY(
        SELECT c.id
        FROM public.customers AS c
        WHERE c.id = ANY (customer_ids)
        ORDER BY c.id
        FOR NO KEY UPDATE
    );
    PERFORM
    FROM public.customer_booking_stats AS s
    WHERE s.customer_id = ANY (locked)
    ORDER BY s.customer_id
    FOR NO KEY UPDATE;

    -- New statements, and so new snapshots: they see what those who had the locks committed.
    sides_before := (SELECT jsonb_agg(b) FROM tenancy.both_sides(locked) AS b);
    guard := set_config('tenancy.mirroring', 'on', TRUE);

    FOR drifted IN
        SELECT
            d.customer_id AS id,
            array_agg(DISTINCT d.kind) AS kinds
        FROM tenancy.drift AS d
        WHERE d.customer_id = ANY (locked)
        GROUP BY d.customer_id
        ORDER BY d.customer_id
    LOOP
        -- A writer that read these rows before and waits (REPEATABLE READ) must fail, not write over the repair.
        UPDATE public.customers AS c SET no_show_count = c.no_show_count WHERE c.id = drifted.id;
        UPDATE public.customer_booking_stats AS s SET total_bookings = s.total_bookings WHERE s.customer_id = drifted.id;

        UPDATE public.customer_shop_profiles AS p
        SET
            preferred_stylist_id = NULL,
            updated_at = now()
        WHERE p.customer_id = drifted.id
            AND 'foreign_stylist' = ANY (drifted.kinds)
            AND NOT EXISTS (
                SELECT
                FROM public.stylists AS s
                WHERE s.id = p.preferred_stylist_id
                    AND s.shop_id = p.shop_id
            );

        IF 'missing_profile' = ANY (drifted.kinds) THEN
            PERFORM tenancy.fill_profiles(ARRAY[drifted.id]); -- whatever the source: profiles that are not there say nothing
        ELSIF source = 'profiles' THEN
            PERFORM tenancy.repair_from_profiles(drifted.id, drifted.kinds);
        ELSIF is_reconcile AND NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            CROSS JOIN tenancy.backfill_progress AS b
            WHERE p.customer_id = drifted.id
                AND (p.updated_at <> p.created_at OR p.created_at > coalesce(b.finished_at, 'infinity'))
        ) THEN
            PERFORM tenancy.split_anew(drifted.id);
        ELSE
            PERFORM tenancy.repair_from_legacy(drifted.id, drifted.kinds);
        END IF;
    END LOOP;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);

    RETURN QUERY
    SELECT
        coalesce(before.customer_id, after.customer_id),
        coalesce(before.shop_id, after.shop_id),
        coalesce(before.field, after.field),
        before.value,
        after.value
    FROM jsonb_to_recordset(sides_before) AS before (customer_id integer, shop_id integer, field text, value text)
    FULL JOIN tenancy.both_sides(locked) AS after
        ON after.customer_id = before.customer_id
        AND coalesce(after.shop_id, -1) = coalesce(before.shop_id, -1)
        AND after.field = before.field
    WHERE before.value IS DISTINCT FROM after.value
    ORDER BY
        1,
        2 NULLS FIRST,
        3;
END;
$$;

COMMENT ON FUNCTION tenancy.repair(integer[], text, boolean) IS
'Mends the drift of these customers, and returns each value that it changed. source says which side is right: legacy (by the '
'residual rule; in the reconcile, profiles that are as the backfill left them are split anew) or profiles (totals are sums); '
'what is negative there is left alone. Missing profiles come from the legacy side and a stylist of another shop is cleared, '
'whatever the source. Waits half a second for a lock at most (55P03). Run it in a transaction and roll back for a dry run. '
'Example: SELECT * FROM tenancy.repair(ARRAY(SELECT d.customer_id FROM tenancy.drift AS d LIMIT 100))';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;
