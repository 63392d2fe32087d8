-- Revert convo_tenancy:mirror/repair_shops from pg

\set ON_ERROR_STOP on
\set change mirror/repair_shops
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.repair_shops(integer[]);

COMMIT;
