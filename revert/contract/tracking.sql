-- Revert convo_tenancy:contract/tracking from pg

\set ON_ERROR_STOP on
\set change contract/tracking
\ir ../support/begin.sql
\if :is_done \quit \endif

SELECT to_regprocedure('tenancy.give_up_contract()') IS NOT NULL AS can_give_up \gset
\if :can_give_up
CALL tenancy.give_up_contract(); -- of a contract that was refused
\endif

DROP FUNCTION IF EXISTS tenancy.has_few_tracked_customers();
DROP FUNCTION IF EXISTS tenancy.take_tracked_customers(integer);
DROP FUNCTION IF EXISTS tenancy.tracking_state();
DROP PROCEDURE IF EXISTS tenancy.give_up_contract();
DROP PROCEDURE IF EXISTS tenancy.start_tracking();
DROP PROCEDURE IF EXISTS tenancy.drop_tracking();
DROP VIEW IF EXISTS tenancy.tracking;
DROP FUNCTION IF EXISTS tenancy.track_customers_of_stylist();
DROP FUNCTION IF EXISTS tenancy.track_customer_of();
DROP FUNCTION IF EXISTS tenancy.track_customer();
DROP TABLE IF EXISTS tenancy.tracked_customers;

COMMIT;
