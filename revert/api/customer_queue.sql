-- Revert convo_tenancy:api/customer_queue from pg

\set ON_ERROR_STOP on
\set change api/customer_queue
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.queue_for_customer(text, text);
DROP TABLE IF EXISTS tenancy.customers_under_way;

COMMIT;
