-- Verify convo_tenancy:mirror/profile_bounds on pg

\set ON_ERROR_STOP on
\set change mirror/profile_bounds
\ir ../support/begin.sql

ROLLBACK;
