-- Verify convo_tenancy:profiles/stylist_moves on pg

\set ON_ERROR_STOP on
\set change profiles/stylist_moves
\ir ../support/begin.sql

SELECT 1 / (count(*) = 2)::integer
FROM pg_catalog.pg_trigger AS t
WHERE t.tgrelid = 'public.stylists'::regclass
    AND t.tgname IN ('stylist_leaves', 'stylist_arrives')
    AND t.tgenabled = 'O';

ROLLBACK;
