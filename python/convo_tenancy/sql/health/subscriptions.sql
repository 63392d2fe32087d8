-- Logical subscriptions into tables with triggers of ours that do not fire for them. subconninfo is not for everybody.
WITH mirrored AS (
    SELECT DISTINCT t.tgrelid
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgenabled = 'O'
        AND p.pronamespace = to_regnamespace('tenancy')
)

SELECT
    quote_ident(s.subname) AS name,
    string_agg(r.srrelid::regclass::text, ', ' ORDER BY r.srrelid::regclass::text) AS table_names
FROM pg_subscription AS s
JOIN pg_subscription_rel AS r ON r.srsubid = s.oid
JOIN mirrored AS m ON m.tgrelid = r.srrelid
GROUP BY s.subname
ORDER BY 1;
