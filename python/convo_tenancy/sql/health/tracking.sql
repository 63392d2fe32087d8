-- The triggers that note who changes, and whether a script works with them now.
SELECT
    count(*) AS trigger_count,
    (SELECT count(*) > 0 FROM tenancy.open_changes()) AS is_at_work
FROM tenancy.tracking;
