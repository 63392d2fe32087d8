-- Verify convo_tenancy:support/has_legacy_side on pg

\set ON_ERROR_STOP on
\set change support/has_legacy_side
\ir ../support/begin.sql

ROLLBACK;
