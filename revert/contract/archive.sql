-- Revert convo_tenancy:contract/archive from pg

BEGIN;

CALL tenancy.begin_change();
SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

DROP FUNCTION IF EXISTS tenancy.customers_since(xid8);
DROP PROCEDURE IF EXISTS tenancy.run_archive(integer);
DROP FUNCTION IF EXISTS tenancy.customers_after(integer, integer);
DROP FUNCTION IF EXISTS tenancy.archive_customers(integer[]);
DROP PROCEDURE IF EXISTS tenancy.create_archive();
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
