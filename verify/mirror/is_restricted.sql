-- Verify convo_tenancy:mirror/is_restricted on pg

\set ON_ERROR_STOP on
\set change mirror/is_restricted
\ir ../support/begin.sql

ROLLBACK;
