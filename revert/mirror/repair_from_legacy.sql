-- Revert convo_tenancy:mirror/repair_from_legacy from pg

\set ON_ERROR_STOP on
\set change mirror/repair_from_legacy
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.repair_from_legacy(integer, text[]);
DROP FUNCTION IF EXISTS tenancy.settle_inserted(integer);

COMMIT;
