-- Revert convo_tenancy:profiles/record_origins from pg

\set ON_ERROR_STOP on
\set change profiles/record_origins
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.record_origins();
DROP FUNCTION IF EXISTS tenancy.record_origin();
DROP TABLE IF EXISTS tenancy.splits_under_way;

COMMIT;
