-- Revert convo_tenancy:support/guard from pg

\set ON_ERROR_STOP on
\set change support/guard
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.raise_guard();
DROP SEQUENCE IF EXISTS tenancy.guard;

COMMIT;
