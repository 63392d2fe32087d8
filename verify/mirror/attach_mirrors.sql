-- Verify convo_tenancy:mirror/attach_mirrors on pg

\set ON_ERROR_STOP on
\set change mirror/attach_mirrors
\ir ../support/begin.sql

ROLLBACK;
