-- Revert convo_tenancy:profiles/split from pg

\set ON_ERROR_STOP on
\set change profiles/split
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.split(integer[], tenancy.statistics);
DROP TYPE IF EXISTS tenancy.statistics;

COMMIT;
