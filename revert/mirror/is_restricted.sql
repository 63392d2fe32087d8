-- Revert convo_tenancy:mirror/is_restricted from pg

\set ON_ERROR_STOP on
\set change mirror/is_restricted
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.is_mirroring();
DROP FUNCTION IF EXISTS tenancy.is_restricted();
DROP FUNCTION IF EXISTS tenancy.caller();

COMMIT;
