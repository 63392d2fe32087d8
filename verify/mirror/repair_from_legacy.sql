-- Verify convo_tenancy:mirror/repair_from_legacy on pg

\set ON_ERROR_STOP on
\set change mirror/repair_from_legacy
\ir ../support/begin.sql

ROLLBACK;
