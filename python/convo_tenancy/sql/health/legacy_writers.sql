-- Who wrote to the legacy side in the last seven days. Applications may put anything into their name: at most a hundred.
SELECT
    w.application_name,
    w.role_name,
    w.writes,
    w.last_at
FROM tenancy.legacy_writers AS w
WHERE w.last_at > now() - interval '7 days'
ORDER BY
    w.last_at DESC,
    w.application_name,
    w.role_name
LIMIT 100;
