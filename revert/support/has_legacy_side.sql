-- Revert convo_tenancy:support/has_legacy_side from pg

\set ON_ERROR_STOP on
\set change support/has_legacy_side
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.has_legacy_side();

COMMIT;
