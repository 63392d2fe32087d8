-- Deploy convo_tenancy:contract/archive to pg

-- The schema for what the contract puts aside. The first change of phase 3, and so the first that the gate refuses.
-- Variables: contract=yes, without which nothing is deployed; legacy_quiet_period, in place of the one in tenancy.settings;
-- contract_despite, the findings of the gate that do not matter.

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
\set change contract/archive
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.check_contract(:'contract', :'legacy_quiet_period', :'contract_despite');

CALL tenancy.create_archive_schema();

COMMIT;
