-- Revert convo_tenancy:api/set_preferred_stylist from pg

\set ON_ERROR_STOP on
\set change api/set_preferred_stylist
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.set_preferred_stylist(integer, integer, integer);

COMMIT;
