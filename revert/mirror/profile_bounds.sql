-- Revert convo_tenancy:mirror/profile_bounds from pg

\set ON_ERROR_STOP on
\set change mirror/profile_bounds
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_shop_profiles');
SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT IF EXISTS customer_shop_profiles_check;

COMMIT;
