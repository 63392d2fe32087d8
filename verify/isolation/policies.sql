-- Verify convo_tenancy:isolation/policies on pg

\set ON_ERROR_STOP on
\set change isolation/policies
\ir ../support/begin.sql

ROLLBACK;
