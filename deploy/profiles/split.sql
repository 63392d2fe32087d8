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

COMMENT ON TYPE tenancy.statistics IS 'A customer''s totals, a row of customer_booking_stats.';
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
-- Its lists are joined with each other, whatever the caller forbids.
SET enable_hashjoin = on
SET enable_mergejoin = on
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

    -- The evidence in the order in which it is believed, until the totals are used up. The booking that the statistics counted last goes
    -- before all where no stylist counted. Marked: that booking, and the newest confirmed one of each shop.
    item AS (
        SELECT
            c.id AS customer_id,
            i.shop_id,
            i.start_at_utc,
            i.price_cents,
            i.amount > 0 AS is_evidence,
            least(i.amount, greatest(c.total_bookings - coalesce(sum(i.amount) OVER believed, 0), 0)) AS bookings,
            least(
                i.is_no_show::integer,
                greatest(c.no_show_count - count(*) FILTER (WHERE i.is_no_show) OVER marked, 0)
            ) AS no_shows,
            i.start_at_utc = c.last_booking_at
            AND NOT i.is_unproven
            AND row_number() OVER (
                PARTITION BY c.id, i.start_at_utc
                ORDER BY i.is_unproven, i.is_confirmed DESC, i.created_at DESC, i.booking_id DESC
            ) = 1 AS is_last,
            i.is_confirmed
            AND row_number() OVER (
                PARTITION BY c.id, i.shop_id
                ORDER BY i.is_confirmed DESC, i.created_at DESC, i.booking_id DESC
            ) = 1 AS is_newest
        FROM customer AS c
        JOIN tenancy.evidence_items AS i ON i.customer_id = c.id
        WHERE i.customer_id = ANY (split.customer_ids) -- noqa: CP03,LT01,LT06
        WINDOW
            believed AS (
                PARTITION BY c.id
                ORDER BY
                    (i.is_confirmed AND i.start_at_utc = c.last_booking_at AND i.counted = 0 AND NOT i.is_unproven) IS TRUE DESC,
                    i.place,
                    i.created_at,
                    i.booking_id,
                    i.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            marked AS (
                PARTITION BY c.id ORDER BY i.marked_at DESC, i.booking_id DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
    ),

    -- All that speaks for a profile of the customer in a shop; the default shop always.
    piece AS (
        SELECT
            i.customer_id,
            i.shop_id,
            FALSE AS is_default,
            i.bookings,
            CASE WHEN i.bookings > 0 THEN i.price_cents END AS spend_cents,
            CASE WHEN i.price_cents IS NULL THEN i.bookings ELSE 0 END AS unpriced,
            i.no_shows,
            coalesce(i.is_last, FALSE) AS is_last,
            CASE WHEN i.is_newest THEN i.start_at_utc END AS newest_start,
            NULL::integer AS chosen_stylist_id,
            NULL::integer AS favourite_stylist_id
        FROM item AS i
        WHERE i.is_evidence
            OR i.is_last
        UNION ALL
        SELECT
            c.id,
            c.default_shop_id,
            TRUE,
            0,
            NULL,
            0,
            0,
            FALSE,
            NULL,
            NULL,
            NULL
        FROM customer AS c
        UNION ALL
        SELECT
            c.id,
            s.shop_id,
            FALSE,
            0,
            NULL,
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
                0::bigint,
                NULL::integer,
                0::bigint,
                0::bigint,
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
            p.customer_id,
            p.shop_id,
            bool_or(p.is_default) AS is_default,
            bool_or(p.is_last) AS is_last,
            sum(p.bookings)::bigint AS bookings,
            coalesce(sum(p.spend_cents), 0)::bigint AS spend_cents,
            sum(p.unpriced)::bigint AS unpriced,
            sum(p.no_shows)::bigint AS no_shows,
            max(p.newest_start) AS newest_start,
            coalesce(max(p.chosen_stylist_id), max(p.favourite_stylist_id)) AS stylist_id
        FROM piece AS p
        GROUP BY p.customer_id, p.shop_id
    ),

    -- What no evidence places goes to the shop of the last booking, else to the default shop.
    placed AS (
        SELECT
            s.customer_id,
            s.shop_id,
            s.stylist_id,
            s.newest_start,
            s.takes_rest,
            c.last_booking_at,
            s.bookings + r.bookings AS bookings,
            s.unpriced + r.bookings AS unpriced,
            s.no_shows
            + CASE WHEN s.takes_rest THEN tenancy.residual(c.no_show_count, s.all_no_shows) ELSE 0 END AS no_shows,
            s.spend_cents,
            tenancy.residual(c.total_spend_cents, s.all_spend_cents) AS rest_cents,
            s.all_spend_cents - c.total_spend_cents AS excess_cents
        FROM (
            SELECT
                h.*,
                h.is_last OR (h.is_default AND NOT bool_or(h.is_last) OVER of_customer) AS takes_rest,
                (sum(h.bookings) OVER of_customer)::bigint AS all_bookings,
                (sum(h.spend_cents) OVER of_customer)::bigint AS all_spend_cents,
                (sum(h.no_shows) OVER of_customer)::bigint AS all_no_shows
            FROM shown AS h
            WINDOW of_customer AS (PARTITION BY h.customer_id)
        ) AS s
        JOIN customer AS c ON c.id = s.customer_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN s.takes_rest THEN tenancy.residual(c.total_bookings, s.all_bookings) ELSE 0 END
        ) AS r (bookings)
    )

    -- Spend follows the bookings at their prices. Those without a price share what is left of it.
    SELECT
        p.customer_id,
        p.shop_id,
        p.stylist_id,
        p.bookings,
        p.spend_cents
        - tenancy.residual_cut(p.spend_cents, coalesce(sum(p.spend_cents) OVER by_spend, 0)::bigint, p.excess_cents)
        + CASE
            WHEN sum(p.unpriced) OVER of_customer > 0
                THEN tenancy.share(
                    p.rest_cents, p.unpriced, (sum(p.unpriced) OVER by_shop)::bigint, (sum(p.unpriced) OVER of_customer)::bigint
                )
            WHEN p.takes_rest THEN p.rest_cents
            ELSE 0
        END,
        CASE WHEN p.takes_rest THEN p.last_booking_at ELSE p.newest_start END,
        p.no_shows
    FROM placed AS p
    WINDOW
        of_customer AS (PARTITION BY p.customer_id),
        by_shop AS (PARTITION BY p.customer_id ORDER BY p.shop_id),
        by_spend AS (
            PARTITION BY p.customer_id ORDER BY p.spend_cents DESC, p.shop_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        );
$$;

COMMENT ON FUNCTION tenancy.split(integer[], tenancy.statistics) IS
'The split: divides these customers'' totals into profiles. Each shop gets its evidence (tenancy.evidence_items) until the '
'totals are used up; the shop of the last booking gets the rest, else the default shop. So profiles add up to the totals. '
'assumed stands in for the row of statistics. Writes nothing. Example: SELECT * FROM tenancy.split(ARRAY[42])';

COMMIT;
