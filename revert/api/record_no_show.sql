-- Revert convo_tenancy:api/record_no_show from pg

\set ON_ERROR_STOP on
\set change api/record_no_show
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.record_no_show(integer, integer);

COMMIT;
