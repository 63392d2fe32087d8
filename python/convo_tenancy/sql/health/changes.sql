-- The changes that Sqitch has deployed, in order, and the phase that each of them completes.
SELECT
    c.change_id,
    c.change,
    (
        SELECT max(t.tag)
        FROM sqitch.tags AS t
        WHERE t.change_id = c.change_id
            AND t.tag ~ '^@phase[0-9]+$'
    ) AS tag
FROM sqitch.changes AS c
WHERE c.project = 'convo_tenancy'
ORDER BY c.committed_at;
