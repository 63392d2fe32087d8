-- Verify convo_tenancy:isolation/switch on pg

\set ON_ERROR_STOP on
\set change isolation/switch
\ir ../support/begin.sql

ROLLBACK;
