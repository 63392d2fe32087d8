-- Revert convo_tenancy:profiles/stylist_moves from pg

\set ON_ERROR_STOP on
\set change profiles/stylist_moves
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.stylists');

DROP TRIGGER IF EXISTS stylist_arrives ON public.stylists;
DROP TRIGGER IF EXISTS stylist_leaves ON public.stylists;
DROP FUNCTION IF EXISTS tenancy.set_stylist_preferences();
DROP FUNCTION IF EXISTS tenancy.clear_stylist_preferences();

COMMIT;
