-- Revert convo_tenancy:profiles/adoption from pg

\set ON_ERROR_STOP on
\set change profiles/adoption
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.change_places(regclass);
DROP PROCEDURE IF EXISTS tenancy.run_copy();
DROP FUNCTION IF EXISTS tenancy.copy_step(integer, integer, text);
DROP PROCEDURE IF EXISTS tenancy.begin_copy(oid[], oid[]);
DROP FUNCTION IF EXISTS tenancy.copy_profile();
DROP FUNCTION IF EXISTS tenancy.copied_columns();
DROP TABLE IF EXISTS tenancy.adoption;

COMMIT;
