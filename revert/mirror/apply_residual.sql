-- Revert convo_tenancy:mirror/apply_residual from pg

\set ON_ERROR_STOP on
\set change mirror/apply_residual
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.apply_residual;

COMMIT;
