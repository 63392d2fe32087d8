-- Revert convo_tenancy:api/customer_context from pg

\set ON_ERROR_STOP on
\set change api/customer_context
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.customer_context(integer, integer);

COMMIT;
