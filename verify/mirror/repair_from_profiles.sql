-- Verify convo_tenancy:mirror/repair_from_profiles on pg

\set ON_ERROR_STOP on
\set change mirror/repair_from_profiles
\ir ../support/begin.sql

ROLLBACK;
