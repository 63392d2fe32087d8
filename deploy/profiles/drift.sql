-- Deploy convo_tenancy:profiles/drift to pg

\set ON_ERROR_STOP on
\set change profiles/drift
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

-- The contract takes it away, with what it reads.
SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side

-- One pass over each table finds who may disagree, by sums and comparisons alone; the rest is for them. The joins come before the sums:
-- so a condition on customer_id reaches the indexes.
CREATE OR REPLACE VIEW tenancy.drift (kind, customer_id, shop_id, legacy_value, profile_value)
WITH (security_invoker = TRUE)
AS
WITH suspects AS (
    SELECT
        c.id AS customer_id,
        c.no_show_count,
        c.preferred_stylist_id
    FROM public.customers AS c
    LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
    LEFT JOIN public.customer_shop_profiles AS p ON p.customer_id = c.id
    GROUP BY c.id
    -- "= 1", for the planner takes it that few are.
    HAVING
        (
            coalesce(sum(p.total_bookings), 0) <> coalesce(min(s.total_bookings), 0)
            OR coalesce(sum(p.total_spend_cents), 0) <> coalesce(min(s.total_spend_cents), 0)
            OR coalesce(sum(p.no_show_count), 0) <> c.no_show_count
            -- 1: there is a last booking, 2: in a profile, too; 4: there is a preference, 8: in a profile, too; 16: a wrong profile
            OR bit_or(
                CASE
                    WHEN p.last_booking_at = s.last_booking_at THEN 3
                    WHEN s.last_booking_at IS NOT NULL THEN 1
                    ELSE 0
                END | CASE
                    WHEN p.preferred_stylist_id = c.preferred_stylist_id THEN 12
                    WHEN c.preferred_stylist_id IS NOT NULL THEN 4
                    ELSE 0
                END | CASE
                    WHEN p.total_bookings < 0 OR p.total_spend_cents < 0 OR p.no_show_count < 0 THEN 16
                    WHEN p.preferred_stylist_id IS NULL THEN 0
                    WHEN EXISTS (
                            SELECT
                            FROM public.stylists AS t
                            WHERE t.id = p.preferred_stylist_id
                                AND t.shop_id = p.shop_id
                        ) THEN 0
                    ELSE 16
                END
            ) NOT IN (0, 3, 12, 15)
        )::integer = 1
),

sides AS (
    SELECT
        u.*,
        s.total_bookings,
        s.total_spend_cents,
        s.last_booking_at,
        -- Of all profiles; NULL if there is none
        a.bookings_sum,
        a.spend_sum,
        a.no_show_sum,
        a.newest_booking_at,
        a.has_last_booking_at,
        a.has_preferred_stylist
    FROM suspects AS u
    LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = u.customer_id
    CROSS JOIN LATERAL (
        SELECT
            sum(p.total_bookings) AS bookings_sum,
            sum(p.total_spend_cents) AS spend_sum,
            sum(p.no_show_count) AS no_show_sum,
            max(p.last_booking_at) AS newest_booking_at,
            bool_or(p.last_booking_at = s.last_booking_at) AS has_last_booking_at,
            bool_or(p.preferred_stylist_id = u.preferred_stylist_id AND t.shop_id = p.shop_id) AS has_preferred_stylist
        FROM public.customer_shop_profiles AS p
        LEFT JOIN public.stylists AS t ON t.id = p.preferred_stylist_id
        WHERE p.customer_id = u.customer_id
    ) AS a
),

judged AS (
    SELECT
        b.*,
        b.no_show_sum IS NULL AND (
            b.total_bookings <> 0
            OR b.total_spend_cents <> 0
            OR b.last_booking_at IS NOT NULL
            OR b.no_show_count <> 0
            OR b.preferred_stylist_id IS NOT NULL
        ) AS misses_profile,
        b.bookings_sum <> coalesce(b.total_bookings, 0) OR b.spend_sum <> coalesce(b.total_spend_cents, 0) AS other_totals,
        b.no_show_sum IS NOT NULL
        AND b.last_booking_at IS NOT NULL
        AND b.has_last_booking_at IS NOT TRUE AS other_last_booking_at,
        b.no_show_sum <> b.no_show_count AS other_no_show_count,
        b.no_show_sum IS NOT NULL
        AND b.preferred_stylist_id IS NOT NULL
        AND b.has_preferred_stylist IS NOT TRUE AS other_preferred_stylist,
        least(b.total_bookings, b.total_spend_cents, b.no_show_count) < 0 AS negative
    FROM sides AS b
)

SELECT
    v.kind,
    j.customer_id,
    v.shop_id,
    v.legacy_value,
    v.profile_value
FROM judged AS j
LEFT JOIN public.stylists AS t ON t.id = j.preferred_stylist_id
CROSS JOIN LATERAL (
    SELECT
        o.kind,
        o.shop_id,
        o.legacy_value,
        o.profile_value
    FROM (
        VALUES
        (
            j.misses_profile,
            'missing_profile',
            NULL::integer,
            concat_ws(
                ', ',
                j.total_bookings || ' bookings',
                j.total_spend_cents || ' cents',
                j.no_show_count || ' no-shows',
                'stylist ' || j.preferred_stylist_id
            ),
            NULL
        ),
        (
            j.other_totals,
            'totals',
            NULL,
            format('%s bookings, %s cents', coalesce(j.total_bookings, 0), coalesce(j.total_spend_cents, 0)),
            format('%s bookings, %s cents', j.bookings_sum, j.spend_sum)
        ),
        (
            j.other_last_booking_at,
            'last_booking_at',
            NULL,
            j.last_booking_at::text,
            coalesce('newest ' || j.newest_booking_at, 'none')
        ),
        (
            j.other_no_show_count,
            'no_show_count',
            NULL,
            j.no_show_count::text,
            j.no_show_sum::text
        ),
        (
            j.other_preferred_stylist,
            'preferred_stylist',
            t.shop_id,
            j.preferred_stylist_id::text,
            (
                SELECT p.preferred_stylist_id::text
                FROM public.customer_shop_profiles AS p
                WHERE p.customer_id = j.customer_id
                    AND p.shop_id = t.shop_id
            )
        ),
        (
            j.negative,
            'negative',
            NULL,
            format(
                '%s bookings, %s cents, %s no-shows',
                coalesce(j.total_bookings, 0), coalesce(j.total_spend_cents, 0), j.no_show_count
            ),
            NULL
        )
    ) AS o (is_so, kind, shop_id, legacy_value, profile_value)
    WHERE o.is_so
    UNION ALL
    SELECT
        o.kind,
        p.shop_id,
        NULL AS legacy_value, -- named: else a restored dump would have another name
        o.profile_value
    FROM public.customer_shop_profiles AS p
    LEFT JOIN public.stylists AS own ON own.id = p.preferred_stylist_id
    CROSS JOIN LATERAL (
        VALUES
        (
            p.preferred_stylist_id IS NOT NULL AND coalesce(own.shop_id <> p.shop_id, TRUE),
            'foreign_stylist',
            format('stylist %s of shop %s', p.preferred_stylist_id, coalesce(own.shop_id::text, 'none'))
        ),
        (
            least(p.total_bookings, p.total_spend_cents, p.no_show_count) < 0,
            'negative',
            format('%s bookings, %s cents, %s no-shows', p.total_bookings, p.total_spend_cents, p.no_show_count)
        )
    ) AS o (is_so, kind, profile_value)
    WHERE p.customer_id = j.customer_id
        AND o.is_so
) AS v;

COMMENT ON VIEW tenancy.drift IS
'Disagreements of the legacy side and the profiles, a row each; none when healthy. Kinds: missing_profile, totals, '
'last_booking_at, no_show_count, preferred_stylist, foreign_stylist, negative. Before @phase2, profiles go stale while the '
'application writes. Example: SELECT kind, count(*) FROM tenancy.drift GROUP BY kind';
COMMENT ON COLUMN tenancy.drift.kind IS 'What disagrees, as listed for the view.';
COMMENT ON COLUMN tenancy.drift.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.drift.shop_id IS
'The shop of the profile; NULL if the disagreement concerns all profiles of the customer.';
COMMENT ON COLUMN tenancy.drift.legacy_value IS 'The value in customer_booking_stats or customers.';
COMMENT ON COLUMN tenancy.drift.profile_value IS 'The value in customer_shop_profiles.';
\endif

COMMIT;
