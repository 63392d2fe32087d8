-- Deploy convo_tenancy:mirror/repair_from_legacy to pg

\set ON_ERROR_STOP on
\set change mirror/repair_from_legacy
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.settle_inserted(customer_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer record;
BEGIN
    -- Who changed since, by a booking or by hand, is left alone.
    DELETE FROM tenancy.inserted_statistics AS i
    USING
        public.customer_booking_stats AS s,
        tenancy.shop_of_last_booking(s.customer_id, s.last_booking_at) AS l
    WHERE i.customer_id = settle_inserted.customer_id
        AND s.customer_id = i.customer_id
    RETURNING
        s.total_bookings,
        s.total_spend_cents,
        (s.total_bookings, s.total_spend_cents) = (i.total_bookings, i.total_spend_cents) AS is_unchanged,
        l.shop_id,
        tenancy.is_known_booking(s.customer_id, l.shop_id, s.last_booking_at)::integer AS claimed
    INTO customer;
    IF customer.is_unchanged IS NOT TRUE THEN
        RETURN;
    END IF;

    UPDATE public.customer_shop_profiles AS p
    SET
        total_bookings = 0,
        total_spend_cents = 0,
        updated_at = now()
    WHERE p.customer_id = settle_inserted.customer_id;
    PERFORM tenancy.give_missed(
        settle_inserted.customer_id,
        customer.shop_id,
        bookings => customer.total_bookings - customer.claimed,
        spend_cents => customer.total_spend_cents,
        claimed => customer.claimed
    );
    PERFORM tenancy.apply_residual(
        settle_inserted.customer_id,
        customer.shop_id,
        total_bookings => customer.total_bookings,
        total_spend_cents => customer.total_spend_cents
    );
END;
$$;

COMMENT ON FUNCTION tenancy.settle_inserted(integer) IS
'Part of tenancy.repair(): divides again, by today''s evidence, statistics that came without a booking '
'(tenancy.inserted_statistics).';

CREATE OR REPLACE FUNCTION tenancy.repair_from_legacy(customer_id integer, kinds text[])
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer record;
    of_totals boolean; -- whether they are to be mended; negative ones are nobody's
    of_no_shows boolean;
    held record; -- by all shops together
BEGIN
    SELECT
        coalesce(s.total_bookings, 0) AS total_bookings,
        coalesce(s.total_spend_cents, 0) AS total_spend_cents,
        s.last_booking_at,
        c.no_show_count,
        c.preferred_stylist_id,
        t.shop_id AS preferred_shop_id,
        l.shop_id,
        'last_booking_at' = ANY (kinds) AND tenancy.is_known_booking(c.id, l.shop_id, s.last_booking_at) AS misses_last
    INTO customer
    FROM public.customers AS c
    LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
    LEFT JOIN public.stylists AS t ON t.id = c.preferred_stylist_id
    CROSS JOIN LATERAL tenancy.shop_of_last_booking(c.id, s.last_booking_at) AS l
    WHERE c.id = repair_from_legacy.customer_id;

    of_totals := kinds && '{totals,negative}' AND least(customer.total_bookings, customer.total_spend_cents) >= 0;
    of_no_shows := kinds && '{no_show_count,negative}' AND customer.no_show_count >= 0;

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

    IF of_totals OR of_no_shows THEN
        SELECT
            sum(p.total_bookings) AS bookings,
            sum(p.total_spend_cents) AS spend_cents,
            sum(p.no_show_count) AS no_shows
        INTO held
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = repair_from_legacy.customer_id;

        -- What was missed; what is too much is for the residual.
        PERFORM tenancy.give_missed(
            repair_from_legacy.customer_id,
            customer.shop_id,
            bookings => CASE WHEN of_totals THEN customer.total_bookings - held.bookings - customer.misses_last::integer END,
            spend_cents => customer.total_spend_cents - held.spend_cents,
            no_shows => CASE WHEN of_no_shows THEN customer.no_show_count - held.no_shows END,
            claimed => customer.misses_last::integer
        );
    END IF;

    IF of_totals OR of_no_shows OR 'last_booking_at' = ANY (kinds) THEN
        PERFORM tenancy.apply_residual(
            repair_from_legacy.customer_id,
            customer.shop_id,
            total_bookings => CASE WHEN of_totals THEN customer.total_bookings END,
            total_spend_cents => CASE WHEN of_totals THEN customer.total_spend_cents END,
            last_booking_at => CASE WHEN 'last_booking_at' = ANY (kinds) THEN customer.last_booking_at END,
            no_show_count => CASE WHEN of_no_shows THEN customer.no_show_count END
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
'Part of tenancy.repair(): mends these kinds of a customer''s drift; the legacy side is right. tenancy.give_missed() gives '
'missed bookings to the shops that the evidence shows; the shop of the last booking gets the rest by the residual rule.';

COMMIT;
