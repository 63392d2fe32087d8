-- Revert convo_tenancy:mirror/follow_counts from pg

\set ON_ERROR_STOP on
\set change mirror/follow_counts
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.follow_counts(integer, integer, integer, integer, integer, integer);
DROP FUNCTION IF EXISTS tenancy.more_booked(integer, integer, integer, integer);

COMMIT;
