-- Revert convo_tenancy:contract/run_archive from pg

\set ON_ERROR_STOP on
\set change contract/run_archive
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.run_archive(integer);
DROP FUNCTION IF EXISTS tenancy.customers_after(integer, integer);
DROP FUNCTION IF EXISTS tenancy.forget_deleted_customers(integer[]);
DROP FUNCTION IF EXISTS tenancy.archive_customers(integer[]);
DROP PROCEDURE IF EXISTS tenancy.create_archive();

COMMIT;
