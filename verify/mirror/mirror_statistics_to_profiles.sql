-- Verify convo_tenancy:mirror/mirror_statistics_to_profiles on pg

\set ON_ERROR_STOP on
\set change mirror/mirror_statistics_to_profiles
\ir ../support/begin.sql

ROLLBACK;
