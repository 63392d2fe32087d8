-- Revert convo_tenancy:contract/return_legacy_side from pg

\set ON_ERROR_STOP on
\set change contract/return_legacy_side
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.return_legacy_side(text);
DROP PROCEDURE IF EXISTS tenancy.put_stray_table_aside();

COMMIT;
