-- Revert convo_tenancy:profiles/evidence from pg

\set ON_ERROR_STOP on
\set change profiles/evidence
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP VIEW IF EXISTS tenancy.evidence;
DROP VIEW IF EXISTS tenancy.evidence_items;
DROP VIEW IF EXISTS tenancy.shop_counts;
DROP FUNCTION IF EXISTS tenancy.note_moved_stylists();
DROP TABLE IF EXISTS tenancy.moved_stylists;

COMMIT;
