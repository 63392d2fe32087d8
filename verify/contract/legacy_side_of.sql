-- Verify convo_tenancy:contract/legacy_side_of on pg

\set ON_ERROR_STOP on
\set change contract/legacy_side_of
\ir ../support/begin.sql

ROLLBACK;
