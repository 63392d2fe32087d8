-- Verify convo_tenancy:expand/stylist_moves on pg

BEGIN;

SELECT 1 / (count(*) = 2)::integer
FROM pg_catalog.pg_trigger AS t
WHERE t.tgrelid = 'public.stylists'::regclass
    AND t.tgname IN ('stylist_leaves', 'stylist_arrives')
    AND t.tgenabled = 'O';

ROLLBACK;
