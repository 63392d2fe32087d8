-- Revert convo_tenancy:api/checks from pg

\set ON_ERROR_STOP on
\set change api/checks
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.check_access(integer, integer);
DROP FUNCTION IF EXISTS tenancy.check_stylist(integer, integer);
DROP FUNCTION IF EXISTS tenancy.check_shop(integer);

COMMIT;
