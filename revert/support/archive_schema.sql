-- Revert convo_tenancy:support/archive_schema from pg

\set ON_ERROR_STOP on
\set change support/archive_schema
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.drop_archive_schema();
DROP PROCEDURE IF EXISTS tenancy.follow_deletions(regclass);
DROP FUNCTION IF EXISTS tenancy.is_put_aside(name);
DROP PROCEDURE IF EXISTS tenancy.create_archive_schema();

COMMIT;
