-- Deploy convo_tenancy:contract/switch to pg

-- The contract. Who changes is noted from before the check on; all is checked on one snapshot and copied without a lock; what is left for
-- the lock are the few who changed in the last moments.
-- Variables: contract=yes, without which nothing is deployed; legacy_quiet_period, in place of the one in tenancy.settings;
-- contract_despite, the findings of the gate that do not matter, by name.

\if :{?contract}
\else
    \set contract no
\endif
\if :{?legacy_quiet_period}
\else
    \set legacy_quiet_period ''
\endif
\if :{?contract_despite}
\else
    \set contract_despite ''
\endif
\set ON_ERROR_STOP on
\set change contract/switch
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();
CALL tenancy.check_contract(:'contract', :'legacy_quiet_period', :'contract_despite');
CALL tenancy.keep_open(is_begun => FALSE);

COMMIT;

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
\ir ../support/begin.sql

CALL tenancy.start_tracking();

COMMIT;

-- All is checked on one snapshot; who changes after it is noted, and checked again.
SELECT tenancy.tracking_state() AS tracking_state \gset
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

CALL tenancy.lock_to_read();

SELECT
    refusal,
    refusal IS NOT NULL AS is_refused
FROM tenancy.contract_refusal(:'legacy_quiet_period', :'contract_despite') AS refusal \gset

COMMIT;

\if :is_refused
\set ON_ERROR_STOP off
CALL tenancy.give_up_contract(); -- where it cannot, the health check names it
\set ON_ERROR_STOP on
CALL tenancy.refuse_contract(:'refusal');
\endif

\ir ../support/begin.sql

CALL tenancy.create_archive_schema();
CALL tenancy.create_archive();

COMMIT;

CALL tenancy.run_archive();
ANALYZE tenancy_archive.customers;
CALL tenancy.remove_legacy_side(:'legacy_quiet_period', :'contract_despite', :'tracking_state');
\endif

\ir ../support/begin.sql

-- Nobody waits for this.
CALL tenancy.validate_constraint('tenancy_archive.customers', 'customers_customer_id_fkey');
CALL tenancy.validate_constraint('tenancy_archive.customer_booking_stats', 'customer_booking_stats_customer_id_fkey');
DELETE FROM tenancy.tracked_customers;

-- For the way back after tenancy.purge_archive()
CALL tenancy.record_definitions(
    'contract/purge_archive', 'tenancy_archive.customer_booking_stats', NULL,
    '{table,key,storage,index,statistics,trigger,rule,policy,grant,comment,table comment}'
);

CALL tenancy.close_change('deploy');

COMMIT;
