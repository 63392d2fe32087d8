-- Revert convo_tenancy:expand/tenancy from pg

BEGIN;

SET LOCAL statement_timeout = '1min';

DROP PROCEDURE IF EXISTS tenancy.lock_tables(text, text[]);
DROP FUNCTION IF EXISTS tenancy.describe_sessions(integer[]);
DROP PROCEDURE IF EXISTS tenancy.begin_change(boolean);
DROP TABLE IF EXISTS tenancy.settings;

-- Not CASCADE: what stands in the schema and is not ours stops the revert.
DROP SCHEMA IF EXISTS tenancy;

COMMIT;
