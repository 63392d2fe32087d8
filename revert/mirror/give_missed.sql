-- Revert convo_tenancy:mirror/give_missed from pg

\set ON_ERROR_STOP on
\set change mirror/give_missed
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.give_missed;

COMMIT;
