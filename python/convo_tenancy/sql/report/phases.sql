-- Each phase of the plan: how many of its changes stand, and since when all of them do.
SELECT
    t.tag,
    count(*) AS changes,
    count(*) FILTER (WHERE c.state = 'standing') AS standing,
    (array_agg(c.change) FILTER (WHERE c.state IN ('deploying', 'reverting')))[1] AS half_way,
    min(c.standing_since) AS begun_at,
    t.standing_since AS complete_since
FROM tenancy.changes AS t
JOIN tenancy.changes AS c
    ON c.position <= t.position
    AND c.position > coalesce(
        (
            SELECT max(o.position)
            FROM tenancy.changes AS o
            WHERE o.tag IS NOT NULL
                AND o.position < t.position
        ), 0
    )
WHERE t.tag IS NOT NULL
GROUP BY
    t.position,
    t.tag,
    t.standing_since
ORDER BY t.position;
