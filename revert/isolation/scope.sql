-- Revert convo_tenancy:isolation/scope from pg

\set ON_ERROR_STOP on
\set change isolation/scope
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP VIEW IF EXISTS tenancy.role_members;
DROP VIEW IF EXISTS tenancy.given_rights;
DROP VIEW IF EXISTS tenancy.isolation_relations;
DROP VIEW IF EXISTS tenancy.written_tables;
DROP VIEW IF EXISTS tenancy.isolated_tables;
DROP TABLE IF EXISTS tenancy.isolation;

COMMIT;
