-- Verify convo_tenancy:mirror/double_writers on pg

\set ON_ERROR_STOP on
\set change mirror/double_writers
\ir ../support/begin.sql

ROLLBACK;
