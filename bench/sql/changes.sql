-- When Sqitch was done with each change of phase 3, after its verify script: deploy or revert.
SELECT
    e.change,
    extract(EPOCH FROM e.committed_at)::double precision
FROM sqitch.events AS e
WHERE e.event = $1
    AND e.change LIKE 'contract/%'
ORDER BY e.committed_at;
