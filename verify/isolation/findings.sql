-- Verify convo_tenancy:isolation/findings on pg

\set ON_ERROR_STOP on
\set change isolation/findings
\ir ../support/begin.sql

ROLLBACK;
