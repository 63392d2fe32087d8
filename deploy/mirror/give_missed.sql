-- Deploy convo_tenancy:mirror/give_missed to pg

\set ON_ERROR_STOP on
\set change mirror/give_missed
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.give_missed(
    customer_id integer,
    shop_id integer,
    bookings bigint, -- 0 or less, or NULL: none
    spend_cents bigint,
    no_shows bigint DEFAULT 0,
    claimed integer DEFAULT 0,
    by_counts boolean DEFAULT TRUE
)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- it is planned once, for all customers of a bulk statement
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
BEGIN
    guard := tenancy.raise_guard();

    WITH item AS (
        -- What the profiles hold are the first ones of each shop.
        SELECT
            i.shop_id,
            i.booking_id,
            i.start_at_utc,
            i.created_at,
            i.price_cents,
            CASE WHEN give_missed.by_counts THEN i.place END AS place,
            least(
                i.amount,
                greatest(
                    i.number - coalesce(p.total_bookings, 0)
                    - CASE WHEN i.shop_id = give_missed.shop_id THEN give_missed.claimed ELSE 0 END,
                    0
                )
            ) AS amount,
            i.is_no_show
            AND count(*) FILTER (WHERE i.is_no_show) OVER (PARTITION BY i.shop_id ORDER BY i.marked_at, i.booking_id)
            > coalesce(p.no_show_count, 0) AS is_mark,
            i.marked_at
        FROM tenancy.evidence_items AS i
        LEFT JOIN public.customer_shop_profiles AS p
            ON p.customer_id = i.customer_id
            AND p.shop_id = i.shop_id
        WHERE i.customer_id = give_missed.customer_id
            AND (give_missed.by_counts OR i.booking_id IS NOT NULL)
    ),

    given AS (
        SELECT
            i.shop_id,
            i.booking_id,
            i.start_at_utc,
            i.created_at,
            i.price_cents,
            least(i.amount, greatest(give_missed.bookings - coalesce(sum(i.amount) OVER believed, 0), 0)) AS bookings,
            i.is_mark AND count(*) FILTER (WHERE i.is_mark) OVER marked <= give_missed.no_shows AS is_no_show
        FROM item AS i
        WINDOW
            believed AS (
                ORDER BY i.place, i.created_at, i.booking_id, i.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            marked AS (ORDER BY i.marked_at DESC, i.booking_id DESC)
    ),

    by_shop AS (
        SELECT
            g.shop_id,
            sum(g.bookings)::bigint AS bookings,
            coalesce(sum(g.price_cents) FILTER (WHERE g.bookings > 0), 0) AS spend_cents,
            coalesce(sum(g.bookings) FILTER (WHERE g.price_cents IS NULL), 0)::bigint AS unpriced,
            count(*) FILTER (WHERE g.is_no_show) AS no_shows,
            (array_agg(g.start_at_utc ORDER BY g.created_at DESC, g.booking_id DESC) FILTER (
                WHERE g.bookings > 0
                    AND g.booking_id IS NOT NULL
            ))[1] AS newest_start
        FROM given AS g
        GROUP BY g.shop_id
    ),

    -- Bookings without a price share the spend that is left, with those that go to the one shop for want of evidence.
    priced AS (
        SELECT
            s.*,
            (sum(s.unpriced) OVER (ORDER BY s.shop_id))::bigint AS unpriced_so_far,
            (sum(s.unpriced) OVER () + give_missed.bookings - sum(s.bookings) OVER ())::bigint AS all_unpriced,
            greatest(give_missed.spend_cents - sum(s.spend_cents) OVER (), 0)::bigint AS rest_cents
        FROM by_shop AS s
    )

    INSERT INTO public.customer_shop_profiles AS p (
        customer_id,
        shop_id,
        total_bookings,
        total_spend_cents,
        last_booking_at,
        no_show_count
    )
    SELECT
        give_missed.customer_id,
        s.shop_id,
        s.bookings,
        s.spend_cents + CASE
            WHEN s.unpriced > 0 THEN tenancy.share(s.rest_cents, s.unpriced, s.unpriced_so_far, s.all_unpriced)
            ELSE 0
        END,
        s.newest_start,
        s.no_shows
    FROM priced AS s
    WHERE s.shop_id <> give_missed.shop_id
        AND s.bookings + s.no_shows > 0
    ORDER BY s.shop_id
    ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO UPDATE
    SET
        total_bookings = p.total_bookings + excluded.total_bookings,
        total_spend_cents = p.total_spend_cents + excluded.total_spend_cents,
        last_booking_at = CASE
            WHEN EXISTS ( -- that of the statistics stays with some profile
                SELECT
                FROM public.customer_booking_stats AS s
                WHERE s.customer_id = p.customer_id
                    AND s.last_booking_at = p.last_booking_at
            ) THEN p.last_booking_at
            ELSE coalesce(excluded.last_booking_at, p.last_booking_at)
        END,
        no_show_count = p.no_show_count + excluded.no_show_count,
        updated_at = now();

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
END;
$$;

COMMENT ON FUNCTION tenancy.give_missed(integer, integer, bigint, bigint, bigint, integer, boolean) IS
'Gives missed bookings, with their prices, and missed no-shows to the other shops'' profiles, up to these numbers, where the '
'evidence (tenancy.evidence_items) shows more than the profile holds. tenancy.apply_residual() gives the rest to shop_id, of '
'whose bookings the write counts claimed itself. Takes counts first; with by_counts FALSE only bookings. Not mirrored. Example: '
'SELECT tenancy.give_missed(42, 3, bookings => 2, spend_cents => 9000)';

COMMIT;
