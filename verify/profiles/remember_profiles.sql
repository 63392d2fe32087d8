-- Verify convo_tenancy:profiles/remember_profiles on pg

\set ON_ERROR_STOP on
\set change profiles/remember_profiles
\ir ../support/begin.sql

ROLLBACK;
