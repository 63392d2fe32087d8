-- Revert convo_tenancy:contract/remove_legacy_side from pg

\set ON_ERROR_STOP on
\set change contract/remove_legacy_side
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.remove_legacy_side(text, text, text);
DROP PROCEDURE IF EXISTS tenancy.archive_tracked_customers(text, text, integer);

COMMIT;
