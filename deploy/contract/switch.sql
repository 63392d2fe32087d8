-- Deploy convo_tenancy:contract/switch to pg

-- The contract. Who changes is noted from before the copy on; all is checked on one snapshot and without a lock; what is left for the lock
-- are the few who changed in the last moments.
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

CALL tenancy.keep_open(is_begun => FALSE);

COMMIT;

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
CALL tenancy.create_archive();

\ir ../support/begin.sql

CALL tenancy.start_tracking();

COMMIT;

SELECT tenancy.tracking_state() AS tracking_state \gset
CALL tenancy.run_archive();
ANALYZE tenancy_archive.customers;

-- The check on one snapshot decides nothing but whether to go on: who is noted is checked again.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

CALL tenancy.check_contract(:'contract', :'legacy_quiet_period', :'contract_despite');

COMMIT;

CALL tenancy.remove_legacy_side(:'legacy_quiet_period', :'contract_despite', :'tracking_state');
\endif

\ir ../support/begin.sql

-- Nobody waits for this.
DELETE FROM tenancy.tracked_customers;
ALTER TABLE tenancy_archive.customers VALIDATE CONSTRAINT customers_customer_id_fkey;
ALTER TABLE tenancy_archive.customer_booking_stats VALIDATE CONSTRAINT customer_booking_stats_customer_id_fkey;

-- For the way back after tenancy.purge_archive()
CALL tenancy.record_definitions(
    'contract/purge_archive', 'tenancy_archive.customer_booking_stats', NULL,
    '{table,key,storage,index,statistics,trigger,rule,policy,grant,comment,table comment}'
);

CALL tenancy.close_change('deploy');

COMMIT;
