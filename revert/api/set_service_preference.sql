-- Revert convo_tenancy:api/set_service_preference from pg

\set ON_ERROR_STOP on
\set change api/set_service_preference
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.set_service_preference(integer, integer, text, text);

COMMIT;
