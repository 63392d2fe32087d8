-- Verify convo_tenancy:mirror/reconcile on pg

\set ON_ERROR_STOP on
\set change mirror/reconcile
\ir ../support/begin.sql

ROLLBACK;
