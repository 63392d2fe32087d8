-- Revert convo_tenancy:mirror/repair from pg

\set ON_ERROR_STOP on
\set change mirror/repair
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.repair(integer[], text, boolean);
DROP FUNCTION IF EXISTS tenancy.both_sides(integer[]);

COMMIT;
