-- Revert convo_tenancy:contract/purge_archive from pg

\set ON_ERROR_STOP on
\set change contract/purge_archive
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.purge_archive(text);

COMMIT;
