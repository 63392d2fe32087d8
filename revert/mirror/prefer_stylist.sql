-- Revert convo_tenancy:mirror/prefer_stylist from pg

\set ON_ERROR_STOP on
\set change mirror/prefer_stylist
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.move_preference(integer, integer, integer, integer);
DROP FUNCTION IF EXISTS tenancy.prefer_stylist(integer, integer, integer);

COMMIT;
