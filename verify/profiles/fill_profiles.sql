-- Verify convo_tenancy:profiles/fill_profiles on pg

\set ON_ERROR_STOP on
\set change profiles/fill_profiles
\ir ../support/begin.sql

ROLLBACK;
