-- Revert convo_tenancy:support/lock_tables from pg

\set ON_ERROR_STOP on
\set change support/lock_tables
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP PROCEDURE IF EXISTS tenancy.validate_constraint(text, text);
DROP PROCEDURE IF EXISTS tenancy.lock_to_read();
DROP PROCEDURE IF EXISTS tenancy.lock_tables(text, text[]);
DROP PROCEDURE IF EXISTS tenancy.wait_for_locks(integer, text, text);
DROP FUNCTION IF EXISTS tenancy.try_lock_tables(text, text[]);
DROP FUNCTION IF EXISTS tenancy.describe_sessions(integer[]);

COMMIT;
