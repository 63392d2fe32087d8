-- Revert convo_tenancy:mirror/mirror_profiles_to_legacy from pg

\set ON_ERROR_STOP on
\set change mirror/mirror_profiles_to_legacy
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.mirror_profiles_to_legacy();

COMMIT;
