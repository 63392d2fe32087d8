-- Verify convo_tenancy:mirror/apply_residual on pg

\set ON_ERROR_STOP on
\set change mirror/apply_residual
\ir ../support/begin.sql

ROLLBACK;
