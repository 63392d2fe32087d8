-- Revert convo_tenancy:contract/gate from pg

\set ON_ERROR_STOP on
\set change contract/gate
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.check_contract_again(text, text, integer[]);
DROP PROCEDURE IF EXISTS tenancy.check_contract(text, text, text);
DROP FUNCTION IF EXISTS tenancy.contract_refusal(text, text, integer[]);
DROP PROCEDURE IF EXISTS tenancy.refuse_contract(text);
DROP FUNCTION IF EXISTS tenancy.refusal(text[], text[]);
DROP FUNCTION IF EXISTS tenancy.contract_findings(interval, text, integer[]);
DROP FUNCTION IF EXISTS tenancy.quick_findings(interval, integer[]);
DROP FUNCTION IF EXISTS tenancy.despite_names(text);

COMMIT;
