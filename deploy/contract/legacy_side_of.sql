-- Deploy convo_tenancy:contract/legacy_side_of to pg

\set ON_ERROR_STOP on
\set change contract/legacy_side_of
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.contracted (
    singleton boolean NOT NULL DEFAULT TRUE,
    contracted_at timestamptz NOT NULL,
    purged_at timestamptz,
    CONSTRAINT contracted_pkey PRIMARY KEY (singleton),
    CONSTRAINT contracted_singleton_check CHECK (singleton)
);

COMMENT ON TABLE tenancy.contracted IS 'When the contract took place: one row, none before it.';
COMMENT ON COLUMN tenancy.contracted.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.contracted.contracted_at IS 'When the contract took place.';
COMMENT ON COLUMN tenancy.contracted.purged_at IS 'When tenancy.purge_archive() deleted the archive; NULL if it did not.';

CALL tenancy.grant_rights();

CREATE OR REPLACE FUNCTION tenancy.legacy_side_of(customer_ids integer[])
RETURNS TABLE (
    customer_id integer,
    total_bookings bigint,
    total_spend_cents bigint,
    last_booking_at timestamptz,
    preferred_stylist_id integer,
    average_spend_cents bigint,
    no_show_count bigint
)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a table that grows
SET plan_cache_mode = force_custom_plan -- for a range, or for single ids
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    first_id CONSTANT integer := (SELECT min(i.id) FROM unnest(customer_ids) AS i (id));
    last_id CONSTANT integer := (SELECT max(i.id) FROM unnest(customer_ids) AS i (id));
    -- Then a range is read, in place of thousands of searches in an index.
    are_neighbours CONSTANT boolean := last_id::bigint - first_id < 4 * cardinality(customer_ids);
BEGIN
    RETURN QUERY
    WITH summed AS (
        SELECT
            c.id AS customer_id,
            s.customer_id AS archived_id,
            a.customer_id AS archived_customer_id,
            s.total_bookings AS archived_bookings,
            s.total_spend_cents AS archived_spend_cents,
            s.last_booking_at AS archived_last_booking_at,
            a.preferred_stylist_id AS archived_stylist_id,
            a.average_spend_cents AS archived_average,
            coalesce(sum(p.total_bookings), 0) AS total_bookings,
            coalesce(sum(p.total_spend_cents), 0) AS total_spend_cents,
            coalesce(sum(p.no_show_count), 0) AS no_show_count,
            coalesce(bool_or(p.last_booking_at = s.last_booking_at), FALSE) AS holds_last_booking_at,
            (array_agg(p.last_booking_at ORDER BY p.updated_at DESC, p.last_booking_at DESC) FILTER (
                WHERE p.last_booking_at IS NOT NULL
            ))[1] AS last_booking_written,
            (array_agg(p.preferred_stylist_id ORDER BY p.created_at, p.id) FILTER (
                WHERE p.preferred_stylist_id IS NOT NULL
                    AND (p.preferred_stylist_id = ANY (a.known_stylist_ids)) IS NOT TRUE -- noqa: CP03,LT01,LT06
            ))[1] AS first_stylist,
            -- In the shop of whom the customer preferred: still they, or who took their place.
            bool_or(p.shop_id = t.shop_id) AS has_profile_of_archived,
            min(p.preferred_stylist_id) FILTER (WHERE p.shop_id = t.shop_id) AS stylist_of_archived
        FROM public.customers AS c
        LEFT JOIN tenancy_archive.customers AS a
            ON a.customer_id = c.id
            AND a.customer_id BETWEEN first_id AND last_id
            AND (are_neighbours OR a.customer_id = ANY (legacy_side_of.customer_ids)) -- noqa: CP03,LT01,LT06
        LEFT JOIN tenancy_archive.customer_booking_stats AS s
            ON s.customer_id = c.id
            AND s.customer_id BETWEEN first_id AND last_id
            AND (are_neighbours OR s.customer_id = ANY (legacy_side_of.customer_ids)) -- noqa: CP03,LT01,LT06
        LEFT JOIN public.stylists AS t ON t.id = a.preferred_stylist_id
        LEFT JOIN public.customer_shop_profiles AS p
            ON p.customer_id = c.id
            AND p.customer_id BETWEEN first_id AND last_id
            AND (are_neighbours OR p.customer_id = ANY (legacy_side_of.customer_ids)) -- noqa: CP03,LT01,LT06
        WHERE c.id = ANY (legacy_side_of.customer_ids) -- noqa: CP03,LT01,LT06
        GROUP BY
            c.id,
            s.customer_id,
            a.customer_id
    ),

    judged AS (
        SELECT
            m.*,
            (m.total_bookings, m.total_spend_cents)
            = (coalesce(m.archived_bookings, 0), coalesce(m.archived_spend_cents, 0)) AS has_archived_totals
        FROM summed AS m
    )

    SELECT
        j.customer_id,
        j.total_bookings,
        j.total_spend_cents,
        CASE
            WHEN j.has_archived_totals AND (j.holds_last_booking_at OR j.archived_last_booking_at IS NULL)
                THEN j.archived_last_booking_at
            ELSE j.last_booking_written
        END,
        CASE WHEN j.has_profile_of_archived THEN j.stylist_of_archived ELSE j.first_stylist END,
        CASE
            WHEN j.has_archived_totals AND j.archived_customer_id IS NOT NULL THEN j.archived_average::bigint
            WHEN j.total_bookings > 0 THEN j.total_spend_cents / j.total_bookings
            ELSE 0
        END,
        j.no_show_count
    FROM judged AS j;
END;
$$;

COMMENT ON FUNCTION tenancy.legacy_side_of(integer[]) IS
'What the legacy side of these customers would hold after the contract. Totals and no-shows are sums of the profiles. Other '
'values come from the archive if they have not changed, else from the profiles. Example: SELECT * FROM '
'tenancy.legacy_side_of(ARRAY[42])';

COMMIT;
