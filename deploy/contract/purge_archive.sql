-- Deploy convo_tenancy:contract/purge_archive to pg

\set ON_ERROR_STOP on
\set change contract/purge_archive
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.purge_archive(confirmation text)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning -- of what is not there, nobody need be told
SET lock_timeout = '500ms' -- who deletes a customer locks the archive, too
AS $$
BEGIN
    IF confirmation IS DISTINCT FROM current_database() THEN
        RAISE EXCEPTION 'nothing was deleted. A purged archive never comes back: to delete it, confirm with the name of the '
            'database, SELECT tenancy.purge_archive(%)', quote_literal(current_database())
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF tenancy.has_legacy_side() THEN
        RAISE EXCEPTION 'there is no archive of the contract: the contract is not deployed'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    DROP TABLE IF EXISTS tenancy_archive.customer_booking_stats, tenancy_archive.customers;
    UPDATE tenancy.contracted SET purged_at = clock_timestamp();
    IF NOT tenancy.drop_archive_schema() THEN
        RAISE WARNING 'schema tenancy_archive stays, because it holds other objects, too';
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.purge_archive(text) IS
'Deletes the contract''s archive for good. Pass the name of the database to confirm; anything else fails (22023) and deletes '
'nothing. A later revert of the contract can only give back what profiles show. Example: SELECT tenancy.purge_archive(''convo'')';

COMMIT;
