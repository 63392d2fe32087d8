-- Verify convo_tenancy:isolation/listed_rights on pg

\set ON_ERROR_STOP on
\set change isolation/listed_rights
\ir ../support/begin.sql

ROLLBACK;
