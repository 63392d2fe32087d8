-- When Sqitch was done with each change of phase 3, after its verify script: deploy or revert, since a moment.
SELECT
    e.change,
    extract(EPOCH FROM e.committed_at)::double precision
FROM sqitch.events AS e
WHERE e.event = $1
    AND e.change LIKE 'contract/%'
    AND e.committed_at > to_timestamp($2)
ORDER BY e.committed_at;
