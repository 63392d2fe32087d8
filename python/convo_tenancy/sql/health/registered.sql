-- The changes that Sqitch has registered, in order. The registry is in search_path.
SELECT
    c.change_id,
    c.change
FROM changes AS c
WHERE c.project = 'convo_tenancy'
ORDER BY c.committed_at;
