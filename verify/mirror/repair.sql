-- Verify convo_tenancy:mirror/repair on pg

\set ON_ERROR_STOP on
\set change mirror/repair
\ir ../support/begin.sql

ROLLBACK;
