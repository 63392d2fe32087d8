-- Revert convo_tenancy:support/archive_schema from pg

\set ON_ERROR_STOP on
\set change support/archive_schema
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.create_archive_schema();

COMMIT;
