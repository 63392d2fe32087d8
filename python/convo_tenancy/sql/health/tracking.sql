-- The triggers that note who changes.
SELECT count(*) AS trigger_count
FROM tenancy.tracking;
