-- Deploy convo_tenancy:support/archive_schema to pg

\set ON_ERROR_STOP on
\set change support/archive_schema
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE PROCEDURE tenancy.create_archive_schema()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning -- of what is there already, nobody need be told
AS $$
DECLARE
    owner_name CONSTANT text := (
        SELECT pg_get_userbyid(t.relowner)
        FROM pg_class AS t
        WHERE t.oid = 'public.customers'::regclass
    );
BEGIN
    SET LOCAL ROLE NONE; -- who deploys may create schemas; the owner of the tables need not
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS tenancy_archive AUTHORIZATION %I', owner_name);

    -- Whose the schema is may drop it, and all in it.
    IF (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = 'tenancy_archive') <> owner_name THEN
        RAISE EXCEPTION 'schema tenancy_archive and public.customers have different owners. If the tables have a new owner, '
            'give it everything of this project (docs/support.md#refused); else rename the schema'
            USING ERRCODE = 'duplicate_object';
    END IF;

    CALL tenancy.act_as_owner();
    COMMENT ON SCHEMA tenancy_archive IS
    'What a revert or the contract removed, kept for the way back. tenancy.purge_archive() deletes it after the contract.';
END;
$$;

COMMENT ON PROCEDURE tenancy.create_archive_schema() IS
'Makes the archive schema, for what a revert of phase 1 or the contract removes. Refuses (42710) a schema of that name that '
'another role owns. Example: CALL tenancy.create_archive_schema()';

CREATE OR REPLACE FUNCTION tenancy.drop_archive_schema()
RETURNS boolean
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning -- where it is not there, nobody need be told
AS $$
BEGIN
    DROP SCHEMA IF EXISTS tenancy_archive;
    RETURN TRUE;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        RETURN FALSE;
END;
$$;

COMMENT ON FUNCTION tenancy.drop_archive_schema() IS
'Drops the archive schema if it is empty; otherwise returns false. Example: SELECT tenancy.drop_archive_schema()';

CREATE OR REPLACE FUNCTION tenancy.is_put_aside(table_name name)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_ours CONSTANT boolean := (
        SELECT t.relkind = 'r' AND t.relowner = n.nspowner AND pg_get_userbyid(t.relowner) = current_user
        FROM pg_class AS t
        JOIN pg_namespace AS n ON n.oid = t.relnamespace
        WHERE n.nspname = 'tenancy_archive'
            AND t.relname = is_put_aside.table_name
    );
BEGIN
    -- Somebody else's table would bring triggers and an owner of its own.
    IF NOT is_ours THEN
        RAISE EXCEPTION 'tenancy_archive.% is no table of the owner of public.customers: rename it', quote_ident(table_name)
            USING ERRCODE = 'duplicate_object';
    END IF;
    RETURN is_ours IS NOT NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.is_put_aside(name) IS
'Whether the archive holds this table. Refuses (42710) a table of that name that another role owns. Example: SELECT '
'tenancy.is_put_aside(''customer_shop_profiles'')';

CREATE OR REPLACE PROCEDURE tenancy.follow_deletions(relation regclass)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning -- of what is not there, nobody need be told
AS $$
DECLARE
    name CONSTANT text := (SELECT t.relname || '_customer_id_fkey' FROM pg_class AS t WHERE t.oid = relation);
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_constraint AS c
        WHERE c.conrelid = relation
            AND c.conname = name
            AND c.confrelid = 'public.customers'::regclass
            AND c.confdeltype = 'c'
    ) THEN
        RETURN;
    END IF;
    EXECUTE format(
        'ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I, ADD CONSTRAINT %I '
        'FOREIGN KEY (customer_id) REFERENCES public.customers (id) ON DELETE CASCADE NOT VALID',
        relation, name, name
    );
END;
$$;

COMMENT ON PROCEDURE tenancy.follow_deletions(regclass) IS
'Gives an archived table a foreign key, so that deleting a customer deletes their rows there, too. The caller has locked '
'public.customers. Example: CALL tenancy.follow_deletions(''tenancy_archive.profile_origins'')';

COMMIT;
