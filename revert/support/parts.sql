-- Revert convo_tenancy:support/parts from pg

\set ON_ERROR_STOP on
\set change support/parts
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP TRIGGER IF EXISTS record_parts ON tenancy.changes;
DROP FUNCTION IF EXISTS tenancy.accept_parts();
DROP FUNCTION IF EXISTS tenancy.record_parts();
DROP VIEW IF EXISTS tenancy.part_problems;
DROP TABLE IF EXISTS tenancy.deployed_parts;
DROP FUNCTION IF EXISTS tenancy.part_states();
DROP VIEW IF EXISTS tenancy.parts;
DROP FUNCTION IF EXISTS tenancy.part_definition(text, oid);

COMMIT;
