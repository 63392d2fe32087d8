-- Revert convo_tenancy:profiles/remember_profiles from pg

\set ON_ERROR_STOP on
\set change profiles/remember_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');

DROP TRIGGER IF EXISTS forget_customers ON public.customers;
DROP FUNCTION IF EXISTS tenancy.forget_customers();
DROP FUNCTION IF EXISTS tenancy.recall_profiles(integer, integer, integer, timestamptz);
DROP FUNCTION IF EXISTS tenancy.remember_profiles(integer);
DROP TABLE IF EXISTS tenancy.inserted_statistics;
DROP TABLE IF EXISTS tenancy.remembered_profiles;

COMMIT;
