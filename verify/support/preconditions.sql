-- Verify convo_tenancy:support/preconditions on pg

\set ON_ERROR_STOP on

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

SELECT 1 / (current_setting('server_version_num')::integer >= 150000)::integer;

ROLLBACK;
