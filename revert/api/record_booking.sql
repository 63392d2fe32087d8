-- Revert convo_tenancy:api/record_booking from pg

\set ON_ERROR_STOP on
\set change api/record_booking
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.record_booking(integer, integer, integer, integer, timestamptz);

COMMIT;
