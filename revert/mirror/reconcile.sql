-- Revert convo_tenancy:mirror/reconcile from pg

\set ON_ERROR_STOP on
\set change mirror/reconcile
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.run_reconcile(integer);
DROP FUNCTION IF EXISTS tenancy.reconcile_step(integer[]);
DROP FUNCTION IF EXISTS tenancy.catch_up_customer();

COMMIT;
