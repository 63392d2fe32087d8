-- Who wrote to the legacy side in the last seven days, for which shop. Applications may put anything into their name: at most a hundred.
SELECT
    w.application_name,
    w.role_name,
    w.shop_id,
    w.writes,
    w.last_at
FROM tenancy.legacy_writers_by_shop AS w
WHERE w.last_at > now() - interval '7 days'
ORDER BY
    w.last_at DESC,
    w.application_name,
    w.role_name,
    w.shop_id
LIMIT 100;
