-- Revert convo_tenancy:contract/legacy_side_of from pg

\set ON_ERROR_STOP on
\set change contract/legacy_side_of
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.legacy_side_of(integer[]);
DROP TABLE IF EXISTS tenancy.contracted;

COMMIT;
