-- Deploy convo_tenancy:mirror/apply_residual to pg

\set ON_ERROR_STOP on
\set change mirror/apply_residual
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.apply_residual(
    customer_id integer,
    shop_id integer,
    total_bookings integer DEFAULT NULL,
    total_spend_cents integer DEFAULT NULL,
    last_booking_at timestamptz DEFAULT NULL,
    no_show_count integer DEFAULT NULL,
    earlier tenancy.statistics DEFAULT NULL,
    claims_booking boolean DEFAULT FALSE,
    held_bookings bigint DEFAULT NULL,
    held_spend_cents bigint DEFAULT NULL,
    held_no_shows bigint DEFAULT NULL
)
RETURNS boolean -- true: to assign it costs less than PERFORM
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    claimed integer; -- of the bookings, by this write
    is_missed boolean;
    at_floor boolean;
BEGIN
    guard := tenancy.raise_guard();

    FOR attempt IN 1 .. 3 LOOP
        IF attempt > 1 OR held_bookings IS NULL THEN
            SELECT
                sum(p.total_bookings),
                sum(p.total_spend_cents),
                sum(p.no_show_count)
            INTO
                held_bookings,
                held_spend_cents,
                held_no_shows
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = apply_residual.customer_id;
        END IF;

        -- More than the booking that this write counts: something was missed.
        is_missed := claims_booking AND claimed IS NULL AND total_bookings > held_bookings + 1;

        -- Where several profiles may be written, statistics and no-shows, which lock different rows, lock these in one order.
        IF is_missed OR total_bookings < held_bookings OR total_spend_cents < held_spend_cents OR no_show_count < held_no_shows THEN
            PERFORM
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = apply_residual.customer_id
            ORDER BY p.shop_id
            FOR NO KEY UPDATE;
        END IF;

        -- Bookings alone say where, but for a row that comes back: as a rule the counts are written after the statistics.
        IF is_missed THEN
            claimed := tenancy.is_known_booking(customer_id, shop_id, last_booking_at)::integer;
            PERFORM tenancy.give_missed(
                customer_id,
                shop_id,
                bookings => total_bookings - held_bookings - claimed,
                spend_cents => total_spend_cents - held_spend_cents,
                claimed => claimed,
                by_counts => earlier.customer_id IS NULL
            );
            CONTINUE;
        END IF;

        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = coalesce(
                tenancy.residual(apply_residual.total_bookings, held_bookings - p.total_bookings), p.total_bookings
            ),
            total_spend_cents = coalesce(
                tenancy.residual(apply_residual.total_spend_cents, held_spend_cents - p.total_spend_cents), p.total_spend_cents
            ),
            last_booking_at = coalesce(apply_residual.last_booking_at, p.last_booking_at),
            no_show_count = coalesce(
                tenancy.residual(apply_residual.no_show_count, held_no_shows - p.no_show_count), p.no_show_count
            ),
            updated_at = now()
        WHERE p.customer_id = apply_residual.customer_id
            AND p.shop_id = apply_residual.shop_id
        RETURNING p.total_bookings = 0 OR p.total_spend_cents = 0 OR p.no_show_count = 0 INTO at_floor;
        EXIT WHEN FOUND;

        -- History that no profile shows goes to the shops of its bookings, not to the shop of this write.
        IF held_bookings IS NULL AND (earlier.total_bookings <> 0 OR earlier.total_spend_cents <> 0) THEN
            BEGIN
                PERFORM tenancy.fill_profiles(ARRAY[apply_residual.customer_id], earlier);
            EXCEPTION
                WHEN unique_violation OR foreign_key_violation THEN
                    NULL; -- somebody else did, or a stylist moves
            END;
        END IF;

        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        VALUES (apply_residual.customer_id, apply_residual.shop_id)
        ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
    END LOOP;

    -- The other shops may hold more than the customer's totals: the largest give first.
    IF at_floor AND (total_bookings < held_bookings OR total_spend_cents < held_spend_cents OR no_show_count < held_no_shows)
    THEN
        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = p.total_bookings - cut.bookings,
            total_spend_cents = p.total_spend_cents - cut.spend_cents,
            no_show_count = p.no_show_count - cut.no_shows,
            updated_at = now()
        FROM (
            SELECT
                o.id,
                tenancy.residual_cut(
                    o.total_bookings,
                    coalesce(sum(o.total_bookings) OVER by_bookings, 0)::bigint,
                    sum(o.total_bookings) OVER () - apply_residual.total_bookings
                ) AS bookings,
                tenancy.residual_cut(
                    o.total_spend_cents,
                    coalesce(sum(o.total_spend_cents) OVER by_spend, 0)::bigint,
                    sum(o.total_spend_cents) OVER () - apply_residual.total_spend_cents
                ) AS spend_cents,
                tenancy.residual_cut(
                    o.no_show_count,
                    coalesce(sum(o.no_show_count) OVER by_no_shows, 0)::bigint,
                    sum(o.no_show_count) OVER () - apply_residual.no_show_count
                ) AS no_shows
            FROM public.customer_shop_profiles AS o
            WHERE o.customer_id = apply_residual.customer_id
                AND o.shop_id <> apply_residual.shop_id
            WINDOW
                by_bookings AS (
                    ORDER BY o.total_bookings DESC, o.shop_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                by_spend AS (
                    ORDER BY o.total_spend_cents DESC, o.shop_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                by_no_shows AS (
                    ORDER BY o.no_show_count DESC, o.shop_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                )
        ) AS cut
        WHERE p.id = cut.id
            AND greatest(cut.bookings, cut.spend_cents, cut.no_shows) > 0;
    END IF;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN TRUE;
END;
$$;

COMMENT ON FUNCTION tenancy.apply_residual(
    integer, integer, integer, integer, timestamptz, integer, tenancy.statistics, boolean, bigint, bigint, bigint
) IS
'Writes a customer''s legacy totals to one shop''s profile by the residual rule (tenancy.residual, tenancy.residual_cut). '
'Profiles keep what a NULL value stands for. Not mirrored. The caller has locked the row with the totals. earlier is the row of '
'statistics before, for a customer without a profile. With claims_booking the write counts one booking of this shop; '
'tenancy.give_missed() gives more of them to the shops that the evidence shows. held_bookings, held_spend_cents and '
'held_no_shows are the profiles'' sums, if the caller has read them under that lock. Example: SELECT tenancy.apply_residual(42, '
'3, total_bookings => 10, total_spend_cents => 50000)';

COMMIT;
