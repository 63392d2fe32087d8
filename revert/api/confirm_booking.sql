-- Revert convo_tenancy:api/confirm_booking from pg

\set ON_ERROR_STOP on
\set change api/confirm_booking
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.confirm_booking(uuid, integer);

COMMIT;
