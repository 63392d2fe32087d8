-- Verify convo_tenancy:profiles/record_origins on pg

\set ON_ERROR_STOP on
\set change profiles/record_origins
\ir ../support/begin.sql

ROLLBACK;
