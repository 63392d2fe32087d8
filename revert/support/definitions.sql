-- Revert convo_tenancy:support/definitions from pg

\set ON_ERROR_STOP on
\set change support/definitions
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.restore_definitions(text, text[]);
DROP PROCEDURE IF EXISTS tenancy.record_definitions(text, regclass, text[], text[]);
DROP FUNCTION IF EXISTS tenancy.definitions_of(regclass, text[]);
DROP TABLE IF EXISTS tenancy.definitions;

COMMIT;
