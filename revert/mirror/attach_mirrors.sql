-- Revert convo_tenancy:mirror/attach_mirrors from pg

\set ON_ERROR_STOP on
\set change mirror/attach_mirrors
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.detach_mirrors();
DROP PROCEDURE IF EXISTS tenancy.attach_mirrors();
DROP FUNCTION IF EXISTS tenancy.refuse_truncate();

COMMIT;
