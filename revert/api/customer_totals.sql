-- Revert convo_tenancy:api/customer_totals from pg

\set ON_ERROR_STOP on
\set change api/customer_totals
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP VIEW IF EXISTS tenancy.customer_totals;

COMMIT;
