-- Verify convo_tenancy:contract/return_legacy_side on pg

\set ON_ERROR_STOP on
\set change contract/return_legacy_side
\ir ../support/begin.sql

ROLLBACK;
