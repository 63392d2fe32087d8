-- Verify convo_tenancy:mirror/give_missed on pg

\set ON_ERROR_STOP on
\set change mirror/give_missed
\ir ../support/begin.sql

ROLLBACK;
