-- Deploy convo_tenancy:contract/return_legacy_side to pg

\set ON_ERROR_STOP on
\set change contract/return_legacy_side
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE PROCEDURE tenancy.put_stray_table_aside()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stray CONSTANT text := to_char(clock_timestamp(), '"stray_booking_stats_"YYYYMMDDHH24MISS');
BEGIN
    IF to_regclass('public.customer_booking_stats') IS NULL THEN
        RETURN;
    END IF;
    IF EXISTS (
        SELECT
        FROM pg_class AS t
        WHERE t.oid = to_regclass('public.customer_booking_stats')
            AND (t.relkind <> 'r' OR pg_get_userbyid(t.relowner) <> current_user)
    ) THEN
        RAISE EXCEPTION 'public.customer_booking_stats exists, and this project did not make it: rename or drop it, '
            'then run the same again'
            USING ERRCODE = 'duplicate_object';
    END IF;
    IF EXISTS (SELECT FROM public.customer_booking_stats) THEN
        RAISE WARNING 'an old application wrote to its own customer_booking_stats, which is now tenancy_archive.%: '
            'copy what the profiles lack (docs/phase-3.md)', stray;
        -- A copy: its indexes have the names of those that come back.
        EXECUTE format('CREATE TABLE tenancy_archive.%I AS TABLE public.customer_booking_stats', stray);
        IF EXISTS (
            SELECT
            FROM pg_attribute AS a
            WHERE a.attrelid = 'public.customer_booking_stats'::regclass
                AND a.attname = 'customer_id'
                AND a.atttypid = 'integer'::regtype
        ) THEN
            EXECUTE format(
                'DELETE FROM tenancy_archive.%I AS s WHERE NOT EXISTS (SELECT FROM public.customers AS c WHERE c.id = s.customer_id)',
                stray
            );
            EXECUTE format('CREATE INDEX ON tenancy_archive.%I (customer_id)', stray); -- by which the key finds who is deleted
            CALL tenancy.follow_deletions(format('tenancy_archive.%I', stray)::regclass);
        END IF;
    END IF;
    DROP TABLE public.customer_booking_stats;
END;
$$;

COMMENT ON PROCEDURE tenancy.put_stray_table_aside() IS
'Part of reverting the contract: archives a customer_booking_stats that an old application made since, or drops it if it is '
'empty. Example: CALL tenancy.put_stray_table_aside()';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.return_legacy_side(tracking_state text)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    attempt integer NOT NULL := 0;
    tried pg_catalog.record;
BEGIN
    CALL tenancy.begin_batch();

    -- All tables at once, when few customers have changed since they were restored; else given back, and once more.
    LOOP
        CALL tenancy.restore_tracked_customers();
        PERFORM tenancy.begin_change('revert', 'contract/switch');
        attempt := attempt + 1;
        tried := tenancy.try_lock_tables('ACCESS EXCLUSIVE', ARRAY[
            'public.bookings',
            'public.customers',
            'public.customer_shop_profiles',
            'public.customer_stylist_preferences',
            'public.stylists',
            'tenancy_archive.customer_booking_stats',
            'tenancy_archive.customers'
        ]);
        EXIT WHEN tried.missing IS NULL AND tenancy.has_few_tracked_customers();
        ROLLBACK;
        CALL tenancy.begin_batch();
        CALL tenancy.wait_for_locks(
            attempt, coalesce(tried.missing, 'the tables while few customers change'), coalesce(tried.holders, 'those who write')
        );
    END LOOP;

    -- From here on everybody waits: nothing may take longer where there are more customers.
    IF tenancy.tracking_state() IS DISTINCT FROM return_legacy_side.tracking_state THEN
        RAISE EXCEPTION 'a table was truncated or rewritten, or a trigger that notes changes was switched off, since the restore '
            'began: run the same again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM tenancy.restore_legacy_side(tenancy.take_tracked_customers(1000));
    CALL tenancy.put_stray_table_aside();

    ALTER TABLE tenancy_archive.customer_booking_stats
    DROP CONSTRAINT IF EXISTS customer_booking_stats_customer_id_fkey;
    ALTER TABLE tenancy_archive.customer_booking_stats SET SCHEMA public;

    CALL tenancy.restore_definitions('contract/switch', '{not null,constraint}'); -- by the CHECK, without a look at the rows
    ALTER TABLE public.customers
    DROP CONSTRAINT customers_restored_check;

    -- The copy is in the columns again, and its key would hold up who deletes a customer.
    DROP TABLE tenancy_archive.customers;

    CREATE OR REPLACE FUNCTION tenancy.has_legacy_side()
    RETURNS boolean
    LANGUAGE sql
    STABLE
    PARALLEL SAFE
    RETURN TRUE;

    CALL tenancy.drop_tracking();
    CALL tenancy.attach_mirrors();

    DELETE FROM tenancy.contracted;
    RAISE INFO 'customer_booking_stats and three columns of customers are back in public, with all that was booked since they left';
END;
$$;

COMMENT ON PROCEDURE tenancy.return_legacy_side(text) IS
'Part of reverting the contract, after the restore: returns the legacy side to public with its mirrors, in one short '
'transaction. tracking_state is the tenancy.tracking_state() from before the restore. revert/contract/switch.sql calls it '
'outside a transaction.';

COMMIT;
