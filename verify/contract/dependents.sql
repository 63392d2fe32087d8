-- Verify convo_tenancy:contract/dependents on pg

\set ON_ERROR_STOP on
\set change contract/dependents
\ir ../support/begin.sql

ROLLBACK;
