-- Verify convo_tenancy:profiles/foreign_keys on pg

\set ON_ERROR_STOP on
\set change profiles/foreign_keys
\ir ../support/begin.sql

ROLLBACK;
