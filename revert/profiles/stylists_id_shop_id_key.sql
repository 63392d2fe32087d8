-- Revert convo_tenancy:profiles/stylists_id_shop_id_key from pg

\set ON_ERROR_STOP on
\set change profiles/stylists_id_shop_id_key
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.stylists');
SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

DROP INDEX IF EXISTS public.stylists_id_shop_id_key;

COMMIT;
