-- Revert convo_tenancy:mirror/mirror_customers_to_profiles from pg

\set ON_ERROR_STOP on
\set change mirror/mirror_customers_to_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.mirror_customers_to_profiles();

COMMIT;
