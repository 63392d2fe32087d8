-- Revert convo_tenancy:contract/archive from pg

\set ON_ERROR_STOP on
\set change contract/archive
\ir ../support/begin.sql
\if :is_done \quit \endif

SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

DROP TABLE IF EXISTS tenancy_archive.customers;

DO $$
BEGIN
    DROP SCHEMA IF EXISTS tenancy_archive;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        NULL; -- something else is put aside there, too
END;
$$;

COMMIT;
