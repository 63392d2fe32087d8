-- Verify convo_tenancy:mirror/ensure_profile on pg

\set ON_ERROR_STOP on
\set change mirror/ensure_profile
\ir ../support/begin.sql

ROLLBACK;
