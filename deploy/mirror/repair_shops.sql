-- Deploy convo_tenancy:mirror/repair_shops to pg

\set ON_ERROR_STOP on
\set change mirror/repair_shops
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.repair_shops(customer_ids integer[])
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    customer integer;
    move record;
    money record;
    bookings record; -- of the shop, that its profile lacks
    cents integer;
BEGIN
    PERFORM
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = ANY (customer_ids)
    ORDER BY
        p.customer_id,
        p.shop_id
    FOR NO KEY UPDATE;

    FOREACH customer IN ARRAY customer_ids LOOP
        FOR attempt IN 1 .. 1000 LOOP -- each settles a shop
            SELECT m.*
            INTO move
            FROM tenancy.misplaced_bookings AS m
            WHERE m.customer_id = customer;
            EXIT WHEN NOT FOUND;

            PERFORM tenancy.ensure_profile(customer, move.to_shop_id);

            -- What the one profile holds beyond its bookings, and the other lacks of its own
            SELECT
                sum(p.total_spend_cents - coalesce(e.booked_cents, 0)) FILTER (WHERE p.shop_id = move.from_shop_id) AS excess_cents,
                sum(e.booked_cents - p.total_spend_cents) FILTER (WHERE p.shop_id = move.to_shop_id) AS lacking_cents
            INTO money
            FROM public.customer_shop_profiles AS p
            LEFT JOIN tenancy.evidence AS e
                ON e.customer_id = p.customer_id
                AND e.shop_id = p.shop_id
            WHERE p.customer_id = customer
                AND p.shop_id IN (move.from_shop_id, move.to_shop_id);

            SELECT
                sum(i.price_cents) AS price_cents,
                max(i.start_at_utc) AS last_start
            INTO bookings
            FROM tenancy.evidence_items AS i
            JOIN public.customer_shop_profiles AS p
                ON p.customer_id = i.customer_id
                AND p.shop_id = i.shop_id
            WHERE i.customer_id = customer
                AND i.shop_id = move.to_shop_id
                AND i.is_confirmed
                AND i.number > p.total_bookings
                AND i.number <= p.total_bookings + move.bookings;

            -- They may have been moved with other money, or with none: both profiles show it, unless prices changed.
            cents := greatest(least(money.excess_cents, greatest(money.lacking_cents, bookings.price_cents)), 0);

            UPDATE public.customer_shop_profiles AS p
            SET
                total_bookings = p.total_bookings - move.bookings,
                total_spend_cents = p.total_spend_cents - cents,
                updated_at = now()
            WHERE p.customer_id = customer
                AND p.shop_id = move.from_shop_id;

            UPDATE public.customer_shop_profiles AS p
            SET
                total_bookings = p.total_bookings + move.bookings,
                total_spend_cents = p.total_spend_cents + cents,
                last_booking_at = coalesce(p.last_booking_at, bookings.last_start),
                updated_at = now()
            WHERE p.customer_id = customer
                AND p.shop_id = move.to_shop_id;
        END LOOP;
    END LOOP;
END;
$$;

COMMENT ON FUNCTION tenancy.repair_shops(integer[]) IS
'Part of tenancy.repair(): moves these customers'' misplaced bookings (tenancy.misplaced_bookings) and their money from profile '
'to profile. A customer''s sums stay the same.';

COMMIT;
