-- Reads every table and index of the application into shared_buffers.
SELECT sum(pg_prewarm(c.oid))
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace
    AND c.relkind IN ('r', 'i');
