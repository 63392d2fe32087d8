-- Revert convo_tenancy:profiles/fill_profiles from pg

\set ON_ERROR_STOP on
\set change profiles/fill_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP VIEW IF EXISTS tenancy.written_customers;
DROP FUNCTION IF EXISTS tenancy.split_anew(integer[], boolean);
DROP FUNCTION IF EXISTS tenancy.split_beside(integer[], integer);
DROP FUNCTION IF EXISTS tenancy.fill_profiles(integer[], tenancy.statistics);

COMMIT;
