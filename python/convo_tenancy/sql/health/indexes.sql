-- The indexes that the plan makes up to phase $1, and what else there is on customer_shop_profiles.
WITH wanted (phase, table_name, name, script) AS (
    VALUES
    (1, 'customer_shop_profiles', 'customer_shop_profiles_pkey', 'deploy/expand/customer_shop_profiles.sql'),
    (1, 'customer_shop_profiles', 'uq_customer_shop_profile', 'deploy/expand/customer_shop_profiles.sql'),
    (1, 'customer_shop_profiles', 'idx_customer_shop_profiles_shop', 'deploy/expand/customer_shop_profiles.sql'),
    (1, 'customer_shop_profiles', 'idx_customer_shop_profiles_customer', 'deploy/expand/customer_shop_profiles.sql'),
    (1, 'stylists', 'stylists_id_shop_id_key', 'deploy/expand/stylists_id_shop_id.sql'),
    (2, 'legacy_writes', 'legacy_writes_pkey', 'deploy/migrate/legacy_writers.sql'),
    (2, 'legacy_writes', 'legacy_writes_writer_idx', 'deploy/migrate/legacy_writers.sql')
),

expected AS (
    SELECT
        w.table_name,
        w.name,
        w.script
    FROM wanted AS w
    WHERE w.phase <= $1
),

found AS (
    SELECT
        t.relname::text AS table_name,
        x.relname::text AS name,
        i.indisvalid AND i.indisready AS is_valid
    FROM pg_index AS i
    JOIN pg_class AS t ON t.oid = i.indrelid
    JOIN pg_class AS x ON x.oid = i.indexrelid
    WHERE t.oid = to_regclass('public.customer_shop_profiles')
        OR (t.oid = to_regclass('public.stylists') AND x.relname = 'stylists_id_shop_id_key')
        OR ($1 >= 2 AND t.oid = to_regclass('tenancy.legacy_writes'))
)

SELECT
    coalesce(e.name, f.name) AS name,
    e.script,
    CASE
        WHEN f.name IS NULL THEN 'missing'
        WHEN NOT f.is_valid THEN 'invalid'
        ELSE 'valid'
    END AS state
FROM expected AS e
FULL JOIN found AS f
    ON f.table_name = e.table_name
    AND f.name = e.name
ORDER BY 1;
