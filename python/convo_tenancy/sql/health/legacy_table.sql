-- What has the name of the table that the contract took away, from the catalogs alone.
SELECT
    CASE c.relkind
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table'
        ELSE 'table'
    END AS kind,
    pg_get_userbyid(c.relowner)::text AS owner_name
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public'
    AND c.relname = 'customer_booking_stats';
