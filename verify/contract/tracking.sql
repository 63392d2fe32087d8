-- Verify convo_tenancy:contract/tracking on pg

\set ON_ERROR_STOP on
\set change contract/tracking
\ir ../support/begin.sql

ROLLBACK;
