-- Revert convo_tenancy:profiles/drift from pg

\set ON_ERROR_STOP on
\set change profiles/drift
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP VIEW IF EXISTS tenancy.drift;

COMMIT;
