-- Verify convo_tenancy:profiles/close_shop on pg

\set ON_ERROR_STOP on
\set change profiles/close_shop
\ir ../support/begin.sql

SELECT 1 / (count(*) = 3)::integer
FROM pg_catalog.pg_trigger AS t
WHERE t.tgrelid = 'public.shops'::regclass
    AND t.tgname IN ('shop_closes', 'shop_changes_id', 'shops_truncated')
    AND t.tgenabled = 'O';

ROLLBACK;
