-- Revert convo_tenancy:contract/dependents from pg

\set ON_ERROR_STOP on
\set change contract/dependents
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.legacy_mentions();
DROP FUNCTION IF EXISTS tenancy.legacy_dependents();
DROP FUNCTION IF EXISTS tenancy.name_of(oid, oid, integer);

COMMIT;
