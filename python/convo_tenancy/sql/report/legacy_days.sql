-- In how many spans of five minutes somebody wrote to the legacy side, by shop and day: the last thirty days.
SELECT
    w.shop_id,
    w.written_at::date AS day,
    count(*) AS spans
FROM tenancy.legacy_writes AS w
WHERE w.written_at::date > now()::date - 30
    AND w.written_at::date <= now()::date
GROUP BY
    w.shop_id,
    w.written_at::date
ORDER BY
    w.shop_id,
    w.written_at::date;
