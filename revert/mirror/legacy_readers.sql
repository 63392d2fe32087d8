-- Revert convo_tenancy:mirror/legacy_readers from pg

\set ON_ERROR_STOP on
\set change mirror/legacy_readers
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.legacy_readers();
DROP FUNCTION IF EXISTS tenancy.without_literals(text);
DROP FUNCTION IF EXISTS tenancy.unseen_readers();
DROP FUNCTION IF EXISTS tenancy.statements_relation(name);
DROP FUNCTION IF EXISTS tenancy.names_legacy_side(text);

COMMIT;
