-- Revert convo_tenancy:mirror/legacy_writers from pg

\set ON_ERROR_STOP on
\set change mirror/legacy_writers
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.count_legacy_write(integer, timestamptz);
DROP FUNCTION IF EXISTS tenancy.counted_legacy_writes(integer, timestamptz);
DROP VIEW IF EXISTS tenancy.legacy_writers;
DROP VIEW IF EXISTS tenancy.legacy_writers_by_shop;
DROP TABLE IF EXISTS tenancy.legacy_writes;

COMMIT;
