-- Revert convo_tenancy:mirror/mirror_statistics_to_profiles from pg

\set ON_ERROR_STOP on
\set change mirror/mirror_statistics_to_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.mirror_statistics_to_profiles();
DROP FUNCTION IF EXISTS tenancy.apply_statistics(tenancy.statistics, tenancy.statistics);

COMMIT;
