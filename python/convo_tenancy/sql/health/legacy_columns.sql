-- Those of the columns that the contract took away which are there, from the catalogs alone.
SELECT a.attname::text AS name
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public'
    AND c.relname = 'customers'
    AND a.attname IN ('preferred_stylist_id', 'average_spend_cents', 'no_show_count')
ORDER BY a.attnum;
