-- Verify convo_tenancy:contract/gate on pg

\set ON_ERROR_STOP on
\set change contract/gate
\ir ../support/begin.sql

ROLLBACK;
