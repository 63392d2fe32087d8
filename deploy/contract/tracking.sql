-- Deploy convo_tenancy:contract/tracking to pg

-- Who changes while the contract or its revert works is noted, so that nothing is searched for while everybody waits.

\set ON_ERROR_STOP on
\set change contract/tracking
\ir ../support/begin.sql
\if :is_done \quit \endif

-- No key: two writers of one customer would wait for one another.
CREATE TABLE IF NOT EXISTS tenancy.tracked_customers (
    customer_id integer NOT NULL
);

-- Else a publication of all tables would refuse to delete from it.
ALTER TABLE tenancy.tracked_customers REPLICA IDENTITY FULL;

COMMENT ON TABLE tenancy.tracked_customers IS
'While the contract or its revert works: notes of customers who changed since it read them, one row per change.';
COMMENT ON COLUMN tenancy.tracked_customers.customer_id IS 'The customer, who may be deleted by now.';

-- The rights of the writer do not reach the notes.
CREATE OR REPLACE FUNCTION tenancy.track_customer()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO tenancy.tracked_customers (customer_id)
        VALUES (OLD.id);
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.id <> OLD.id) THEN
        INSERT INTO tenancy.tracked_customers (customer_id)
        VALUES (NEW.id);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.track_customer() IS 'Trigger: notes a changed customer in tenancy.tracked_customers.';

CREATE OR REPLACE FUNCTION tenancy.track_customer_of()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO tenancy.tracked_customers (customer_id)
        VALUES (OLD.customer_id);
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.customer_id <> OLD.customer_id) THEN
        INSERT INTO tenancy.tracked_customers (customer_id)
        VALUES (NEW.customer_id);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.track_customer_of() IS 'Trigger: notes the customer of a changed row of statistics or profile.';

CREATE OR REPLACE FUNCTION tenancy.track_customers_of_stylist()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    -- Their profiles are noted by themselves: here, who preferred the stylist over all shops.
    IF tenancy.has_legacy_side() THEN
        INSERT INTO tenancy.tracked_customers (customer_id)
        SELECT c.id
        FROM public.customers AS c
        WHERE c.preferred_stylist_id = OLD.id;
    ELSE
        INSERT INTO tenancy.tracked_customers (customer_id)
        SELECT a.customer_id
        FROM tenancy_archive.customers AS a
        WHERE a.preferred_stylist_id = OLD.id;
    END IF;
    INSERT INTO tenancy.tracked_customers (customer_id)
    SELECT p.customer_id
    FROM public.customer_shop_profiles AS p
    WHERE p.preferred_stylist_id = OLD.id;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.track_customers_of_stylist() IS
'Trigger: notes the customers who prefer a stylist who moves or is deleted.';

CREATE OR REPLACE VIEW tenancy.tracking (trigger_name, table_name, state)
WITH (security_invoker = TRUE)
AS
SELECT
    t.tgname,
    t.tgrelid::regclass,
    -- ALTER TABLE may rewrite a table, and TRUNCATE empty it, past all triggers; DISABLE and ENABLE leave no other trace than xmin.
    concat_ws(' ', t.tgrelid, pg_catalog.pg_relation_filenode(t.tgrelid), t.oid, t.xmin, t.tgenabled, f.xmin)
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
WHERE f.pronamespace = 'tenancy'::pg_catalog.regnamespace
    AND t.tgname LIKE 'track\_%';

COMMENT ON VIEW tenancy.tracking IS
'The triggers that note changed customers. They are there while the contract or its revert works, and after a refused contract. '
'Example: SELECT trigger_name, table_name FROM tenancy.tracking';
COMMENT ON COLUMN tenancy.tracking.trigger_name IS 'The trigger.';
COMMENT ON COLUMN tenancy.tracking.table_name IS 'Its table.';
COMMENT ON COLUMN tenancy.tracking.state IS
'A text that differs after an event that the trigger may have missed: TRUNCATE, a rewrite of the table, DISABLE, a new trigger.';

CREATE OR REPLACE PROCEDURE tenancy.drop_tracking()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tracking record;
BEGIN
    FOR tracking IN SELECT t.trigger_name, t.table_name FROM tenancy.tracking AS t LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', tracking.trigger_name, tracking.table_name);
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.drop_tracking() IS
'Drops the triggers of tenancy.tracking. The caller has locked the tables. Example: CALL tenancy.drop_tracking()';

CREATE OR REPLACE PROCEDURE tenancy.start_tracking()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    has_legacy_side CONSTANT boolean NOT NULL := tenancy.has_legacy_side();
    tracking record;
BEGIN
    -- Whoever wrote before has committed by then; whoever writes after it is noted.
    CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', VARIADIC array_remove(ARRAY[
        'public.customers',
        CASE WHEN has_legacy_side THEN 'public.customer_booking_stats' END,
        'public.customer_shop_profiles',
        'public.stylists'
    ], NULL));
    CALL tenancy.drop_tracking();

    FOR tracking IN
        SELECT t.*
        FROM (
            VALUES
            -- The revert writes customers itself: there, only who comes and goes.
            (
                TRUE, 'track_customer', CASE WHEN has_legacy_side THEN 'INSERT OR UPDATE OR DELETE' ELSE 'INSERT OR DELETE' END,
                'public.customers', 'TRUE', 'tenancy.track_customer()'
            ),
            (
                NOT has_legacy_side, 'track_customer_id', 'UPDATE',
                'public.customers', 'NEW.id <> OLD.id', 'tenancy.track_customer()'
            ),
            (
                has_legacy_side, 'track_statistics', 'INSERT OR UPDATE OR DELETE',
                'public.customer_booking_stats', 'TRUE', 'tenancy.track_customer_of()'
            ),
            (
                TRUE, 'track_profile', 'INSERT OR UPDATE OR DELETE',
                'public.customer_shop_profiles', 'TRUE', 'tenancy.track_customer_of()'
            ),
            (
                TRUE, 'track_stylist', 'UPDATE',
                'public.stylists', '(NEW.id, NEW.shop_id) <> (OLD.id, OLD.shop_id)', 'tenancy.track_customers_of_stylist()'
            ),
            (
                TRUE, 'track_gone_stylist', 'DELETE',
                'public.stylists', 'TRUE', 'tenancy.track_customers_of_stylist()'
            )
        ) AS t (is_wanted, name, events, table_name, condition, function_name)
        WHERE t.is_wanted
    LOOP
        EXECUTE format(
            'CREATE TRIGGER %I AFTER %s ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %s',
            tracking.name, tracking.events, tracking.table_name, tracking.condition, tracking.function_name
        );
        -- For a replication's writes, too
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tracking.table_name, tracking.name);
        EXECUTE format(
            'COMMENT ON TRIGGER %I ON %s IS %L', tracking.name, tracking.table_name,
            'While the contract or its revert works: notes customers who change.'
        );
    END LOOP;

    DELETE FROM tenancy.tracked_customers;
END;
$$;

COMMENT ON PROCEDURE tenancy.start_tracking() IS
'Starts to note changed customers in tenancy.tracked_customers, from COMMIT on: changes of legacy side and profiles, or after '
'the contract of profiles. Deletes earlier notes, so read all customers next. Call it first in a transaction. Example: CALL '
'tenancy.start_tracking()';

CREATE OR REPLACE PROCEDURE tenancy.give_up_contract()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A copy that was begun. After the contract it is the archive.
    copy CONSTANT text := CASE WHEN tenancy.has_legacy_side() THEN to_regclass('tenancy_archive.customers')::text END;
    tables CONSTANT text[] := ARRAY(
        SELECT DISTINCT t.table_name::text AS name
        FROM tenancy.tracking AS t
        ORDER BY name
    );
    running_pid CONSTANT integer := (SELECT min(o.pid) FROM tenancy.open_changes() AS o WHERE NOT o.is_own);
BEGIN
    IF running_pid IS NOT NULL THEN
        RAISE EXCEPTION 'a script of convo_tenancy runs in the session with pid %: wait for it to end, or end it with SELECT '
            'pg_terminate_backend(%), then run the same again', running_pid, running_pid
            USING ERRCODE = 'lock_not_available';
    END IF;
    CALL tenancy.act_as_owner();
    CALL tenancy.lock_tables('ACCESS EXCLUSIVE', VARIADIC array_remove(tables || copy, NULL));
    CALL tenancy.drop_tracking();
    DELETE FROM tenancy.tracked_customers;
    DELETE FROM tenancy.deployed_parts AS d
    WHERE d.kind = 'trigger'
        AND d.name ~ '^track_';
    UPDATE tenancy.changes AS c
    SET
        open_pid = NULL,
        open_key = NULL
    WHERE c.change = 'contract/switch'
        AND c.state = 'absent';

    IF copy IS NOT NULL THEN
        DROP TABLE tenancy_archive.customers; -- who is deleted from now on would stay in it
        PERFORM tenancy.drop_archive_schema();
    END IF;
END;
$$;

COMMENT ON PROCEDURE tenancy.give_up_contract() IS
'Cleans up after a refused or interrupted contract: removes its triggers, which cost each write some microseconds, their notes, '
'and the copy. The next contract starts afresh. Example: CALL tenancy.give_up_contract()';

CREATE OR REPLACE FUNCTION tenancy.tracking_state()
RETURNS text
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT md5(string_agg(t.state, ', ' ORDER BY t.state)) FROM tenancy.tracking AS t;
$$;

COMMENT ON FUNCTION tenancy.tracking_state() IS
'One hash of all states in tenancy.tracking; NULL without triggers. If it differs, notes may be missing. Example: SELECT '
'tenancy.tracking_state()';

CREATE OR REPLACE FUNCTION tenancy.take_tracked_customers(notes integer)
RETURNS integer[]
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer_ids integer[];
BEGIN
    WITH taken AS (
        DELETE FROM tenancy.tracked_customers AS t
        WHERE t.ctid = ANY (ARRAY(
            SELECT n.ctid
            FROM tenancy.tracked_customers AS n
            LIMIT take_tracked_customers.notes
        ))
        RETURNING t.customer_id
    )

    SELECT array_agg(DISTINCT k.customer_id)
    INTO customer_ids
    FROM taken AS k;
    RETURN coalesce(customer_ids, ARRAY[]::integer[]);
END;
$$;

COMMENT ON FUNCTION tenancy.take_tracked_customers(integer) IS
'Deletes up to this many notes and returns their customers. Notes of open transactions follow later. Read the customers in a '
'later statement, which sees at least what was noted. Example: SELECT tenancy.take_tracked_customers(1000)';

CREATE OR REPLACE FUNCTION tenancy.has_few_tracked_customers()
RETURNS boolean
LANGUAGE sql
VOLATILE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) <= 300
    FROM (
        SELECT
        FROM tenancy.tracked_customers AS t
        LIMIT 301
    ) AS n;
$$;

COMMENT ON FUNCTION tenancy.has_few_tracked_customers() IS
'Whether at most 300 notes are left, few enough to handle under the lock. Example: SELECT tenancy.has_few_tracked_customers()';

CALL tenancy.grant_rights();

COMMIT;
