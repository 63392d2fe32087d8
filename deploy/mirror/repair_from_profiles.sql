-- Deploy convo_tenancy:mirror/repair_from_profiles to pg

\set ON_ERROR_STOP on
\set change mirror/repair_from_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

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
            AND greatest(sum(p.total_bookings), sum(p.total_spend_cents)) <= 2147483647 -- else the legacy side cannot hold it
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
            no_show_count = CASE
                WHEN profiles.lowest_no_shows >= 0 AND profiles.no_show_count <= 2147483647 THEN profiles.no_show_count
                ELSE c.no_show_count
            END,
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
'Part of tenancy.repair(): mends these kinds of a customer''s drift; the profiles are right.';

COMMIT;
