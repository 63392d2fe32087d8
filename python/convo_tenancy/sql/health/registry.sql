-- Whether this schema ($1) is a registry of Sqitch, and whether this role may read it.
SELECT
    t.oid IS NOT NULL AS is_there,
    coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(t.oid, 'SELECT'), FALSE) AS is_readable
FROM (SELECT to_regnamespace(quote_ident($1)) AS oid) AS n
LEFT JOIN pg_class AS t
    ON t.relnamespace = n.oid
    AND t.relname = 'changes';
