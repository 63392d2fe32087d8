-- Who wrote to the legacy side in the last five minutes, for which shop (NULL: none). The newest thousand rows by the primary key.
SELECT
    w.application_name,
    w.shop_id
FROM (
    SELECT
        n.application_name,
        n.shop_id,
        n.written_at
    FROM tenancy.legacy_writes AS n
    ORDER BY n.id DESC
    LIMIT 1000
) AS w
WHERE w.written_at > now() - interval '5 minutes'
GROUP BY
    w.application_name,
    w.shop_id
ORDER BY
    w.application_name,
    w.shop_id;
