-- Revert convo_tenancy:api/get_or_create_customer from pg

\set ON_ERROR_STOP on
\set change api/get_or_create_customer
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.get_or_create_customer(text, text, text);
DROP FUNCTION IF EXISTS tenancy.count_introduction(integer);
DROP VIEW IF EXISTS tenancy.introducers;
DROP TABLE IF EXISTS tenancy.introductions;

COMMIT;
