-- Whether the changes of a plan may be read here, from the catalogs alone.
SELECT (SELECT count(*) FROM pg_tables AS t WHERE t.schemaname = 'tenancy' AND t.tablename = 'changes') = 1 AS is_deployed;
