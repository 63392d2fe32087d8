-- Deploy convo_tenancy:profiles/split to pg

\set ON_ERROR_STOP on
\set change profiles/split
\ir ../support/begin.sql
\if :is_done \quit \endif

SET LOCAL check_function_bodies = off; -- the contract takes away what one of them names, and this script may run again then

-- A type of our own, and bodies below that are looked up when they run: the contract takes the legacy side away, and the functions wait
-- for its revert.
DO $$
BEGIN
    CREATE TYPE tenancy.statistics AS (
        customer_id integer,
        total_bookings integer,
        total_spend_cents integer,
        last_booking_at timestamptz
    );
EXCEPTION
    WHEN duplicate_object THEN
        NULL; -- the script runs again
END;
$$;

COMMENT ON TYPE tenancy.statistics IS 'A customer''s totals, as customer_booking_stats has them.';
COMMENT ON COLUMN tenancy.statistics.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.statistics.total_bookings IS 'Bookings counted.';
COMMENT ON COLUMN tenancy.statistics.total_spend_cents IS 'List price of their primary services, in cents.';
COMMENT ON COLUMN tenancy.statistics.last_booking_at IS 'Start of the booking that was counted last.';

CREATE OR REPLACE FUNCTION tenancy.split(
    customer_ids integer[],
    assumed tenancy.statistics DEFAULT NULL
)
RETURNS TABLE (
    customer_id integer,
    shop_id integer,
    preferred_stylist_id integer,
    total_bookings integer,
    total_spend_cents integer,
    last_booking_at timestamptz,
    no_show_count integer
)
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
-- A batch touches a sliver of each table: by index, whatever the statistics say of tables that grow.
SET enable_seqscan = off
SET jit = off
AS $$
    WITH customer AS MATERIALIZED (
        SELECT
            c.id,
            c.phone,
            c.email,
            (SELECT d.default_shop_id FROM tenancy.settings AS d) AS default_shop_id,
            c.preferred_stylist_id,
            coalesce(i.total_bookings, s.total_bookings, 0) AS total_bookings,
            coalesce(i.total_spend_cents, s.total_spend_cents, 0) AS total_spend_cents,
            coalesce(i.last_booking_at, s.last_booking_at) AS last_booking_at,
            c.no_show_count
        FROM public.customers AS c
        LEFT JOIN (SELECT (split.assumed).*) AS i ON i.customer_id = c.id
        LEFT JOIN public.customer_booking_stats AS s
            ON s.customer_id = c.id
            AND (split.assumed).customer_id IS NULL
        WHERE c.id = ANY (split.customer_ids) -- noqa: CP03,LT01,LT06
    ),

    -- Marked: the booking that the statistics counted last, and the newest confirmed one of each shop.
    booking AS (
        SELECT
            c.id AS customer_id,
            b.shop_id,
            b.status = 'CONFIRMED' AS is_confirmed,
            b.appointment_status = 'NO_SHOW' AS is_no_show,
            b.start_at_utc,
            v.price_cents,
            b.start_at_utc = c.last_booking_at
            AND row_number() OVER (
                PARTITION BY c.id, b.start_at_utc
                ORDER BY b.status = 'CONFIRMED' DESC, b.created_at DESC, b.id DESC
            ) = 1 AS is_last,
            b.status = 'CONFIRMED'
            AND row_number() OVER (
                PARTITION BY c.id, b.shop_id
                ORDER BY b.status = 'CONFIRMED' DESC, b.created_at DESC, b.id DESC
            ) = 1 AS is_newest
        FROM customer AS c
        CROSS JOIN LATERAL tenancy.bookings_of(c.id, c.phone, c.email) AS b
        JOIN public.services AS v ON v.id = b.service_id
    ),

    -- All that speaks for a profile of the customer in a shop; the default shop, with the totals, always.
    evidence AS (
        SELECT
            c.id AS customer_id,
            c.default_shop_id AS shop_id,
            TRUE AS is_default,
            c.total_bookings,
            c.total_spend_cents,
            c.no_show_count,
            c.last_booking_at,
            0 AS bookings,
            0 AS spend_cents,
            0 AS no_shows,
            FALSE AS is_last,
            NULL::timestamptz AS newest_start,
            NULL::integer AS chosen_stylist_id,
            NULL::integer AS favourite_stylist_id
        FROM customer AS c
        UNION ALL
        SELECT
            b.customer_id,
            b.shop_id,
            FALSE,
            NULL,
            NULL,
            NULL,
            NULL,
            b.is_confirmed::integer,
            CASE WHEN b.is_confirmed THEN b.price_cents ELSE 0 END,
            (b.is_confirmed AND b.is_no_show)::integer,
            b.is_last,
            CASE WHEN b.is_newest THEN b.start_at_utc END,
            NULL,
            NULL
        FROM booking AS b
        WHERE b.is_confirmed
            OR b.is_last
        UNION ALL
        SELECT
            c.id,
            s.shop_id,
            FALSE,
            NULL,
            NULL,
            NULL,
            NULL,
            0,
            0,
            0,
            FALSE,
            NULL,
            s.id,
            NULL
        FROM customer AS c
        JOIN public.stylists AS s ON s.id = c.preferred_stylist_id
        UNION ALL
        (
            SELECT DISTINCT ON (c.id, s.shop_id)
                c.id,
                s.shop_id,
                FALSE,
                NULL::integer,
                NULL::integer,
                NULL::integer,
                NULL::timestamptz,
                0,
                0,
                0,
                FALSE,
                NULL::timestamptz,
                NULL::integer,
                p.stylist_id
            FROM customer AS c
            JOIN public.customer_stylist_preferences AS p ON p.customer_id = c.id
            JOIN public.stylists AS s ON s.id = p.stylist_id
            ORDER BY c.id, s.shop_id, p.booking_count DESC, p.stylist_id
        )
    ),

    shown AS (
        SELECT
            e.customer_id,
            e.shop_id,
            bool_or(e.is_default) AS is_default,
            max(e.total_bookings) AS total_bookings,
            max(e.total_spend_cents) AS total_spend_cents,
            max(e.no_show_count) AS no_show_count,
            max(e.last_booking_at) AS last_booking_at,
            sum(e.bookings) AS bookings,
            sum(e.spend_cents) AS spend_cents,
            sum(e.no_shows) AS no_shows,
            bool_or(e.is_last) AS is_last,
            max(e.newest_start) AS newest_start,
            coalesce(max(e.chosen_stylist_id), max(e.favourite_stylist_id)) AS stylist_id
        FROM evidence AS e
        GROUP BY e.customer_id, e.shop_id
    ),

    -- Each profile beside the customer's totals and what all other shops than the default show.
    weighed AS (
        SELECT
            s.customer_id,
            s.shop_id,
            s.is_default,
            s.stylist_id,
            s.bookings,
            s.spend_cents,
            s.no_shows,
            s.newest_start,
            s.is_last OR (s.is_default AND NOT bool_or(s.is_last) OVER customer) AS takes_last,
            max(s.last_booking_at) OVER customer AS last_booking_at,
            max(s.total_bookings) OVER customer AS total_bookings,
            max(s.total_spend_cents) OVER customer AS total_spend_cents,
            max(s.no_show_count) OVER customer AS no_show_count,
            coalesce(sum(s.bookings) FILTER (WHERE NOT s.is_default) OVER customer, 0)::bigint AS other_bookings,
            coalesce(sum(s.spend_cents) FILTER (WHERE NOT s.is_default) OVER customer, 0)::bigint AS other_spend_cents,
            coalesce(sum(s.no_shows) FILTER (WHERE NOT s.is_default) OVER customer, 0)::bigint AS other_no_shows
        FROM shown AS s
        WINDOW customer AS (PARTITION BY s.customer_id)
    ),

    -- More than the statistics know, as the legacy application loses bookings.
    excess AS (
        SELECT
            w.*,
            w.other_bookings - w.total_bookings AS excess_bookings,
            w.other_spend_cents - w.total_spend_cents AS excess_spend_cents,
            w.other_no_shows - w.no_show_count AS excess_no_shows
        FROM weighed AS w
    ),

    settled AS (
        SELECT
            e.*,
            0::bigint AS cut_bookings,
            0::bigint AS cut_spend_cents,
            0::bigint AS cut_no_shows
        FROM excess AS e
        WHERE greatest(e.excess_bookings, e.excess_spend_cents, e.excess_no_shows) <= 0
        UNION ALL
        SELECT
            e.*,
            tenancy.residual_cut(
                e.bookings,
                coalesce(sum(e.bookings) FILTER (WHERE NOT e.is_default) OVER by_bookings, 0)::bigint,
                e.excess_bookings
            ),
            tenancy.residual_cut(
                e.spend_cents,
                coalesce(sum(e.spend_cents) FILTER (WHERE NOT e.is_default) OVER by_spend, 0)::bigint,
                e.excess_spend_cents
            ),
            tenancy.residual_cut(
                e.no_shows,
                coalesce(sum(e.no_shows) FILTER (WHERE NOT e.is_default) OVER by_no_shows, 0)::bigint,
                e.excess_no_shows
            )
        FROM excess AS e
        WHERE greatest(e.excess_bookings, e.excess_spend_cents, e.excess_no_shows) > 0
        WINDOW
            by_bookings AS (
                PARTITION BY e.customer_id ORDER BY e.bookings DESC, e.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            by_spend AS (
                PARTITION BY e.customer_id ORDER BY e.spend_cents DESC, e.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            by_no_shows AS (
                PARTITION BY e.customer_id ORDER BY e.no_shows DESC, e.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
    )

    SELECT
        s.customer_id,
        s.shop_id,
        s.stylist_id,
        CASE
            WHEN s.is_default THEN tenancy.residual(s.total_bookings, s.other_bookings)
            ELSE s.bookings - s.cut_bookings
        END,
        CASE
            WHEN s.is_default THEN tenancy.residual(s.total_spend_cents, s.other_spend_cents)
            ELSE s.spend_cents - s.cut_spend_cents
        END,
        CASE WHEN s.takes_last THEN s.last_booking_at ELSE s.newest_start END,
        CASE
            WHEN s.is_default THEN tenancy.residual(s.no_show_count, s.other_no_shows)
            ELSE s.no_shows - s.cut_no_shows
        END
    FROM settled AS s;
$$;

COMMENT ON FUNCTION tenancy.split(integer[], tenancy.statistics) IS
'The backfill rule: the profiles of these customers as the legacy side shows them. Other shops than the default get what their '
'confirmed bookings show, up to the customer''s totals (tenancy.residual_cut), the default shop gets the rest (tenancy.residual), '
'so the sum is always the totals. With assumed, that row stands for their statistics. Writes nothing. '
'Example: SELECT * FROM tenancy.split(ARRAY[42])';

COMMIT;
