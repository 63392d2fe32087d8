-- What expand/customer_shop_profiles and expand/customer_shop_profiles_foreign_keys make, and what else is there.
WITH wanted (name, script) AS (
    VALUES
    ('customer_shop_profiles_pkey', 'deploy/expand/customer_shop_profiles.sql'),
    ('uq_customer_shop_profile', 'deploy/expand/customer_shop_profiles.sql'),
    ('customer_shop_profiles_customer_id_fkey', 'deploy/expand/customer_shop_profiles_foreign_keys.sql'),
    ('customer_shop_profiles_shop_id_fkey', 'deploy/expand/customer_shop_profiles_foreign_keys.sql'),
    ('customer_shop_profiles_preferred_stylist_id_fkey', 'deploy/expand/customer_shop_profiles_foreign_keys.sql'),
    ('customer_shop_profiles_preferred_stylist_shop_fkey', 'deploy/expand/customer_shop_profiles_foreign_keys.sql')
),

found AS (
    SELECT
        c.conname::text AS name,
        c.convalidated
    FROM pg_constraint AS c
    JOIN pg_class AS t ON t.oid = c.conrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public'
        AND t.relname = 'customer_shop_profiles'
        AND c.contype IN ('p', 'u', 'f', 'c')
)

SELECT
    coalesce(w.name, f.name) AS name,
    w.script,
    CASE
        WHEN f.name IS NULL THEN 'missing'
        WHEN NOT f.convalidated THEN 'not validated'
        ELSE 'valid'
    END AS state
FROM wanted AS w
FULL JOIN found AS f ON f.name = w.name
ORDER BY 1;
