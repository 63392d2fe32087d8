-- Revert convo_tenancy:contract/restore from pg

\set ON_ERROR_STOP on
\set change contract/restore
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.restore_tracked_customers(integer);
DROP PROCEDURE IF EXISTS tenancy.run_restore(integer);
DROP FUNCTION IF EXISTS tenancy.restore_step(integer[]);
DROP FUNCTION IF EXISTS tenancy.unfitting_customers();
DROP FUNCTION IF EXISTS tenancy.restore_legacy_side(integer[]);

COMMIT;
