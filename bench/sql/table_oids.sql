-- The tables of these names in the schema public: oid, name.
SELECT
    c.oid::bigint,
    c.relname::text
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace
    AND c.relname = ANY ($1); -- noqa: CP03,LT01,LT06
