-- Revert convo_tenancy:isolation/listed_rights from pg

\set ON_ERROR_STOP on
\set change isolation/listed_rights
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.grant_rights();
DROP VIEW IF EXISTS tenancy.right_differences;
DROP VIEW IF EXISTS tenancy.listed_rights;

COMMIT;
