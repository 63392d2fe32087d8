-- Verify convo_tenancy:mirror/attribution on pg

\set ON_ERROR_STOP on
\set change mirror/attribution
\ir ../support/begin.sql

ROLLBACK;
