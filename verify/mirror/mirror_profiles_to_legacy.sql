-- Verify convo_tenancy:mirror/mirror_profiles_to_legacy on pg

\set ON_ERROR_STOP on
\set change mirror/mirror_profiles_to_legacy
\ir ../support/begin.sql

ROLLBACK;
