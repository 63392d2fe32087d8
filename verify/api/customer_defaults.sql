-- Verify convo_tenancy:api/customer_defaults on pg

\set ON_ERROR_STOP on
\set change api/customer_defaults
\ir ../support/begin.sql

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
SELECT 1 / (count(*) = 2)::integer
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_attrdef AS d
    ON d.adrelid = a.attrelid
    AND d.adnum = a.attnum
WHERE a.attrelid = 'public.customers'::regclass
    AND a.attname IN ('average_spend_cents', 'no_show_count')
    AND pg_catalog.pg_get_expr(d.adbin, d.adrelid) = '0';
\endif

ROLLBACK;
