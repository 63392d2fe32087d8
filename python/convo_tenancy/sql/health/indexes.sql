-- The indexes that the plan makes, and what else there is on customer_shop_profiles.
WITH wanted (table_name, name) AS (
    VALUES
    ('customer_shop_profiles', 'customer_shop_profiles_pkey'),
    ('customer_shop_profiles', 'uq_customer_shop_profile'),
    ('customer_shop_profiles', 'idx_customer_shop_profiles_shop'),
    ('customer_shop_profiles', 'idx_customer_shop_profiles_customer'),
    ('stylists', 'stylists_id_shop_id_key')
),

found AS (
    SELECT
        t.relname::text AS table_name,
        x.relname::text AS name,
        i.indisvalid AND i.indisready AS is_valid
    FROM pg_index AS i
    JOIN pg_class AS t ON t.oid = i.indrelid
    JOIN pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public'
        AND (t.relname = 'customer_shop_profiles' OR x.relname = 'stylists_id_shop_id_key')
)

SELECT
    coalesce(w.name, f.name) AS name,
    CASE
        WHEN f.name IS NULL THEN 'missing'
        WHEN NOT f.is_valid THEN 'invalid'
        ELSE 'valid'
    END AS state
FROM wanted AS w
FULL JOIN found AS f
    ON f.table_name = w.table_name
    AND f.name = w.name
ORDER BY 1;
