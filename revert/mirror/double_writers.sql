-- Revert convo_tenancy:mirror/double_writers from pg

\set ON_ERROR_STOP on
\set change mirror/double_writers
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.note_write(text, integer, text);
DROP FUNCTION IF EXISTS tenancy.count_double_write(integer, text);
DROP VIEW IF EXISTS tenancy.double_writers;
DROP TABLE IF EXISTS tenancy.double_writes;

COMMIT;
