-- What Sqitch did, as it wrote it down: a row for each deploy, revert or failure of several changes in a row, up to a tag or from one
-- on; the newest of them. The registry is in search_path.
WITH event AS (
    SELECT
        e.event,
        e.change,
        e.committed_at,
        array_to_string(e.tags, ' ') AS tags,
        row_number() OVER (ORDER BY e.committed_at, e.change_id) AS position
    FROM events AS e
    WHERE e.project = 'convo_tenancy'
),

marked AS (
    SELECT
        e.*,
        coalesce(lag(e.event) OVER ordered, '') <> e.event
        OR (e.event = 'deploy' AND lag(e.tags) OVER ordered <> '')
        OR (e.event = 'revert' AND e.tags <> '') AS begins
    FROM event AS e
    WINDOW ordered AS (ORDER BY e.position)
),

numbered AS (
    SELECT
        m.*,
        count(*) FILTER (WHERE m.begins) OVER (ORDER BY m.position) AS move
    FROM marked AS m
)

SELECT
    n.event,
    max(n.tags) AS tags,
    count(*) AS changes,
    (array_agg(n.change ORDER BY n.position DESC))[1] AS last_change,
    min(n.committed_at) AS begun_at,
    max(n.committed_at) AS ended_at
FROM numbered AS n
GROUP BY
    n.move,
    n.event
ORDER BY n.move DESC
LIMIT 200;
