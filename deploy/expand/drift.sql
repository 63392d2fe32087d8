-- Deploy convo_tenancy:expand/drift to pg

BEGIN;

CALL tenancy.begin_change();

-- One branch a kind, so that WHERE kind = '…' reads only what that kind needs.
CREATE OR REPLACE VIEW tenancy.drift (kind, customer_id, shop_id, legacy_value, profile_value)
WITH (security_invoker = TRUE)
AS
WITH profile AS NOT MATERIALIZED (
    SELECT
        p.customer_id,
        sum(p.total_bookings) AS total_bookings,
        sum(p.total_spend_cents) AS total_spend_cents,
        sum(p.no_show_count) AS no_show_count
    FROM public.customer_shop_profiles AS p
    GROUP BY p.customer_id
)

SELECT
    'missing_profile'::text,
    c.id,
    NULL::integer,
    concat_ws(
        ', ',
        s.total_bookings || ' bookings',
        s.total_spend_cents || ' cents',
        c.no_show_count || ' no-shows',
        'stylist ' || c.preferred_stylist_id
    ),
    NULL::text
FROM public.customers AS c
LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
WHERE (
    s.total_bookings <> 0
    OR s.total_spend_cents <> 0
    OR s.last_booking_at IS NOT NULL
    OR c.no_show_count <> 0
    OR c.preferred_stylist_id IS NOT NULL
)
AND NOT EXISTS (
    SELECT
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = c.id
)
UNION ALL
SELECT
    'totals',
    p.customer_id,
    NULL,
    format('%s bookings, %s cents', coalesce(s.total_bookings, 0), coalesce(s.total_spend_cents, 0)),
    format('%s bookings, %s cents', p.total_bookings, p.total_spend_cents)
FROM profile AS p
LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = p.customer_id
WHERE p.total_bookings <> coalesce(s.total_bookings, 0)
    OR p.total_spend_cents <> coalesce(s.total_spend_cents, 0)
UNION ALL
SELECT
    'last_booking_at',
    s.customer_id,
    NULL,
    s.last_booking_at::text,
    (
        SELECT
            string_agg(
                format('shop %s: %s', p.shop_id, coalesce(p.last_booking_at::text, 'none')),
                ', ' ORDER BY p.shop_id
            )
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = s.customer_id
    )
FROM public.customer_booking_stats AS s
WHERE s.last_booking_at IS NOT NULL
    AND EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = s.customer_id
    )
    AND NOT EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = s.customer_id
            AND p.last_booking_at = s.last_booking_at
    )
UNION ALL
SELECT
    'no_show_count',
    p.customer_id, -- not c.id: so that a condition on the customer reaches the sums
    NULL,
    c.no_show_count::text,
    p.no_show_count::text
FROM public.customers AS c
JOIN profile AS p ON p.customer_id = c.id
WHERE p.no_show_count <> c.no_show_count
UNION ALL
SELECT
    'preferred_stylist',
    c.id,
    s.shop_id,
    c.preferred_stylist_id::text,
    p.preferred_stylist_id::text
FROM public.customers AS c
JOIN public.stylists AS s ON s.id = c.preferred_stylist_id
LEFT JOIN public.customer_shop_profiles AS p
    ON p.customer_id = c.id
    AND p.shop_id = s.shop_id
WHERE p.preferred_stylist_id IS DISTINCT FROM c.preferred_stylist_id
    AND EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS any_profile
        WHERE any_profile.customer_id = c.id
    )
UNION ALL
SELECT
    'foreign_stylist',
    p.customer_id,
    p.shop_id,
    NULL,
    format('stylist %s of shop %s', p.preferred_stylist_id, coalesce(s.shop_id::text, 'none'))
FROM public.customer_shop_profiles AS p
LEFT JOIN public.stylists AS s ON s.id = p.preferred_stylist_id
WHERE p.preferred_stylist_id IS NOT NULL
    AND s.shop_id IS DISTINCT FROM p.shop_id
UNION ALL
SELECT
    'negative',
    p.customer_id,
    p.shop_id,
    NULL,
    format('%s bookings, %s cents, %s no-shows', p.total_bookings, p.total_spend_cents, p.no_show_count)
FROM public.customer_shop_profiles AS p
WHERE p.total_bookings < 0
    OR p.total_spend_cents < 0
    OR p.no_show_count < 0
UNION ALL
SELECT
    'negative',
    c.id,
    NULL,
    format(
        '%s bookings, %s cents, %s no-shows',
        coalesce(s.total_bookings, 0), coalesce(s.total_spend_cents, 0), c.no_show_count
    ),
    NULL
FROM public.customers AS c
LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
WHERE s.total_bookings < 0
    OR s.total_spend_cents < 0
    OR c.no_show_count < 0;

COMMENT ON VIEW tenancy.drift IS
'Where the legacy side and the profiles disagree: a row a disagreement, none when healthy. Kinds: missing_profile, totals, '
'last_booking_at, no_show_count, preferred_stylist, foreign_stylist, negative. Before @phase2 profiles go stale with live traffic. '
'Example: SELECT kind, count(*) FROM tenancy.drift GROUP BY kind';
COMMENT ON COLUMN tenancy.drift.kind IS 'What disagrees.';
COMMENT ON COLUMN tenancy.drift.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.drift.shop_id IS
'The shop of the profile, or NULL when the disagreement is over all profiles of the customer.';
COMMENT ON COLUMN tenancy.drift.legacy_value IS 'What customer_booking_stats or customers say.';
COMMENT ON COLUMN tenancy.drift.profile_value IS 'What customer_shop_profiles say.';

COMMIT;
