-- Verify convo_tenancy:profiles/adoption on pg

\set ON_ERROR_STOP on
\set change profiles/adoption
\ir ../support/begin.sql

ROLLBACK;
