-- Verify convo_tenancy:mirror/legacy_writers on pg

\set ON_ERROR_STOP on
\set change mirror/legacy_writers
\ir ../support/begin.sql

ROLLBACK;
