-- Deploy convo_tenancy:mirror/repair to pg

\set ON_ERROR_STOP on
\set change mirror/repair
\ir ../support/begin.sql
\if :is_done \quit \endif

SET LOCAL check_function_bodies = off; -- the contract takes away what one of them names, and this script may run again then

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
'All values that both sides hold of these customers, one per row. Example: SELECT * FROM tenancy.both_sides(ARRAY[42])';

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
    is_split_anew boolean;
BEGIN
    IF source IS NULL OR source NOT IN ('legacy', 'profiles', 'shops') THEN
        RAISE EXCEPTION 'source is "%", expected legacy, profiles or shops', source
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
    guard := tenancy.raise_guard();

    IF source = 'shops' THEN
        PERFORM tenancy.repair_shops(locked);
    ELSIF is_reconcile AND source = 'legacy' THEN
        PERFORM tenancy.settle_inserted(i.customer_id)
        FROM tenancy.inserted_statistics AS i
        WHERE i.customer_id = ANY (locked);
    END IF;

    FOR drifted IN
        SELECT
            d.customer_id AS id,
            array_agg(DISTINCT d.kind) AS kinds
        FROM tenancy.drift AS d
        WHERE d.customer_id = ANY (locked)
            AND source <> 'shops'
        GROUP BY d.customer_id
        ORDER BY d.customer_id
    LOOP
        -- A writer that read these rows before and waits (REPEATABLE READ) must fail, not write over the repair.
        UPDATE public.customers AS c SET no_show_count = c.no_show_count WHERE c.id = drifted.id;
        UPDATE public.customer_booking_stats AS s SET total_bookings = s.total_bookings WHERE s.customer_id = drifted.id;

        PERFORM
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = drifted.id
        ORDER BY p.shop_id
        FOR NO KEY UPDATE;
        is_split_anew := is_reconcile AND source = 'legacy' AND NOT EXISTS (
            SELECT
            FROM tenancy.written_customers AS w
            WHERE w.customer_id = drifted.id
        );

        UPDATE public.customer_shop_profiles AS p
        SET
            preferred_stylist_id = NULL,
            updated_at = now()
        WHERE p.customer_id = drifted.id
            AND 'foreign_stylist' = ANY (drifted.kinds)
            AND NOT is_split_anew
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
        ELSIF is_split_anew THEN
            PERFORM tenancy.split_anew(ARRAY[drifted.id]);
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
'Mends the drift of these customers and returns each value that it changed. source is the side that is right: legacy (evidence '
'and residual rule; the reconcile splits anew profiles that only the split wrote) or profiles (totals become sums; negative '
'values stay). With source shops it moves bookings to the right shop (tenancy.misplaced_bookings) and leaves drift and totals. '
'Whatever the source, missing profiles come from the legacy side, and a stylist of another shop is cleared. Waits at most half '
'a second for a lock (55P03). For a dry run, roll back. Example: SELECT * FROM tenancy.repair(ARRAY(SELECT d.customer_id FROM '
'tenancy.drift AS d LIMIT 100))';

COMMIT;
