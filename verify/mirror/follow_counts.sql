-- Verify convo_tenancy:mirror/follow_counts on pg

\set ON_ERROR_STOP on
\set change mirror/follow_counts
\ir ../support/begin.sql

ROLLBACK;
