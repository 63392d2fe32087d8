-- Deploy convo_tenancy:contract/remove_legacy_side to pg

\set ON_ERROR_STOP on
\set change contract/remove_legacy_side
\ir ../support/begin.sql
\if :is_done \quit \endif

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.archive_tracked_customers(quiet_period text, despite text, batch_size integer DEFAULT 10000)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    changed integer[];
BEGIN
    CALL tenancy.begin_batch();
    CALL tenancy.lock_to_read();
    LOOP
        changed := tenancy.take_tracked_customers(batch_size);
        CALL tenancy.check_contract_again(quiet_period, despite, changed);
        PERFORM tenancy.archive_customers(changed);
        PERFORM tenancy.forget_deleted_customers(changed);
        COMMIT;
        CALL tenancy.begin_batch();
        CALL tenancy.lock_to_read();
        EXIT WHEN tenancy.has_few_tracked_customers();
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.archive_tracked_customers(text, text, integer) IS
'Part of the contract: checks and copies customers who changed since tenancy.start_tracking(), until few are left. Commits; '
'call it outside a transaction. Example: CALL tenancy.archive_tracked_customers('''', '''')';

CREATE OR REPLACE PROCEDURE tenancy.remove_legacy_side(quiet_period text, despite text, tracking_state text)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    attempt integer NOT NULL := 0;
    tried pg_catalog.record;
    changed integer[];
BEGIN
    CALL tenancy.begin_batch();

    -- All tables at once, when few customers have changed since they were looked at; else given back, and once more.
    LOOP
        CALL tenancy.archive_tracked_customers(quiet_period, despite);
        PERFORM tenancy.begin_change('deploy', 'contract/switch');
        attempt := attempt + 1;
        tried := tenancy.try_lock_tables('ACCESS EXCLUSIVE', ARRAY[
            'public.bookings',
            'public.customers',
            'public.customer_booking_stats',
            'public.customer_shop_profiles',
            'public.customer_stylist_preferences',
            'public.stylists',
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
    CALL tenancy.mark_begun();
    IF tenancy.tracking_state() IS DISTINCT FROM remove_legacy_side.tracking_state THEN
        RAISE EXCEPTION 'the contract is refused and changed nothing. A table was truncated or rewritten, or a trigger that notes '
            'changes was switched off, since the check. Look with convo-tenancy health, then run the same again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    changed := tenancy.take_tracked_customers(1000);
    CALL tenancy.check_contract_again(quiet_period, despite, changed);
    PERFORM tenancy.archive_customers(changed);
    PERFORM tenancy.forget_deleted_customers(changed);

    CALL tenancy.detach_mirrors();
    CALL tenancy.drop_tracking();

    CREATE OR REPLACE FUNCTION tenancy.has_legacy_side()
    RETURNS boolean
    LANGUAGE sql
    STABLE
    PARALLEL SAFE
    RETURN FALSE;

    DROP VIEW IF EXISTS tenancy.drift;

    -- What the way back makes again. What an earlier one could not, it has told.
    DELETE FROM tenancy.definitions AS d
    WHERE d.change IN ('contract/switch', 'contract/purge_archive');
    CALL tenancy.record_definitions('contract/switch', 'public.customer_booking_stats', NULL, '{constraint,validation}');
    CALL tenancy.record_definitions(
        'contract/switch', 'public.customers', '{preferred_stylist_id,average_spend_cents,no_show_count}',
        '{column,default,not null,storage,key,index,constraint,validation,statistics,grant,comment}'
    );

    -- Deleting a customer must not fail for what is put aside, but delete it.
    CALL tenancy.follow_deletions('public.customer_booking_stats');
    CALL tenancy.follow_deletions('tenancy_archive.customers');
    ALTER TABLE public.customer_booking_stats SET SCHEMA tenancy_archive;

    ALTER TABLE public.customers
    DROP COLUMN preferred_stylist_id,
    DROP COLUMN average_spend_cents,
    DROP COLUMN no_show_count;

    INSERT INTO tenancy.contracted (contracted_at)
    VALUES (pg_catalog.clock_timestamp());
    RAISE INFO 'customer_booking_stats and three columns of customers are in tenancy_archive now: sqitch revert --to @phase2 brings '
        'them back';
END;
$$;

COMMENT ON PROCEDURE tenancy.remove_legacy_side(text, text, text) IS
'Part of the contract, after copy and check: removes the legacy side from public in one short transaction. tracking_state is '
'the tenancy.tracking_state() from before the copy. deploy/contract/switch.sql calls it outside a transaction.';

COMMIT;
