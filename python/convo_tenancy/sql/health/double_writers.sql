-- Who wrote both sides in one transaction. Applications may put anything into their name: at most a hundred.
SELECT
    w.application_name,
    w.role_name,
    w.kind,
    w.writes,
    w.last_at,
    w.customer_id
FROM tenancy.double_writers AS w
ORDER BY
    w.last_at DESC,
    w.application_name,
    w.role_name,
    w.kind
LIMIT 100;
