-- Verify convo_tenancy:mirror/mirrors on pg

\set ON_ERROR_STOP on
\set change mirror/mirrors
\ir ../support/begin.sql

ROLLBACK;
