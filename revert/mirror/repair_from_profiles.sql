-- Revert convo_tenancy:mirror/repair_from_profiles from pg

\set ON_ERROR_STOP on
\set change mirror/repair_from_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.repair_from_profiles(integer, text[]);

COMMIT;
