-- Revert convo_tenancy:mirror/ensure_profile from pg

\set ON_ERROR_STOP on
\set change mirror/ensure_profile
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.ensure_profile(integer, integer);

COMMIT;
