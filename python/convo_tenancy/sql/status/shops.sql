-- The shops whose code writes to the legacy side or did so, those that wrote last first, with how many there are of all. Of no
-- shop (NULL): writes that no booking ties to a shop. A row of tenancy.legacy_writes stands for five minutes.
-- $1: how many to return.
WITH writer AS (
    SELECT
        w.shop_id,
        w.application_name,
        count(*) FILTER (WHERE w.written_at > now() - interval '7 days') AS writes,
        max(w.written_at) AS last_at
    FROM tenancy.legacy_writes AS w
    GROUP BY
        w.shop_id,
        w.application_name
),

written AS (
    SELECT
        w.shop_id,
        sum(w.writes)::bigint AS writes,
        max(w.last_at) AS last_at,
        count(*) AS application_count,
        (array_agg(w.application_name ORDER BY w.last_at DESC, w.application_name))[:3] AS applications
    FROM writer AS w
    GROUP BY w.shop_id
),

stand AS (
    SELECT
        coalesce(w.shop_id, h.id) AS shop_id,
        w.writes,
        w.last_at,
        w.application_count,
        w.applications,
        coalesce(w.last_at + interval '5 minutes' > now() - s.legacy_quiet_period, FALSE) AS is_writing
    FROM written AS w
    FULL JOIN public.shops AS h ON h.id = w.shop_id
    CROSS JOIN tenancy.settings AS s
)

SELECT
    t.shop_id,
    coalesce(t.writes, 0) AS writes,
    t.last_at,
    coalesce(t.application_count, 0) AS application_count,
    coalesce(t.applications, '{}') AS applications,
    t.is_writing,
    count(*) FILTER (WHERE t.is_writing) OVER () AS writing_count,
    count(*) FILTER (WHERE NOT t.is_writing) OVER () AS quiet_count
FROM stand AS t
ORDER BY
    t.is_writing DESC,
    t.writes DESC NULLS LAST,
    t.last_at DESC NULLS LAST,
    t.shop_id
LIMIT $1;
