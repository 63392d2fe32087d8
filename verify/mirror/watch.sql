-- Verify convo_tenancy:mirror/watch on pg

\set ON_ERROR_STOP on
\set change mirror/watch
\ir ../support/begin.sql

ROLLBACK;
