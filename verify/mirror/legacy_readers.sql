-- Verify convo_tenancy:mirror/legacy_readers on pg

\set ON_ERROR_STOP on
\set change mirror/legacy_readers
\ir ../support/begin.sql

ROLLBACK;
