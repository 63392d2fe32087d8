-- Revert convo_tenancy:isolation/findings from pg

\set ON_ERROR_STOP on
\set change isolation/findings
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.check_isolation(text[]);
DROP VIEW IF EXISTS tenancy.isolation_findings;
DROP VIEW IF EXISTS tenancy.isolation_risks;
DROP VIEW IF EXISTS tenancy.isolation_faults;

COMMIT;
