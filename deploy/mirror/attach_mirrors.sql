-- Deploy convo_tenancy:mirror/attach_mirrors to pg

\set ON_ERROR_STOP on
\set change mirror/attach_mirrors
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.refuse_truncate()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of %.% cannot be mirrored: use DELETE, or sqitch revert --to @phase1 first',
        quote_ident(TG_TABLE_SCHEMA), quote_ident(TG_TABLE_NAME)
        USING ERRCODE = 'feature_not_supported';
END;
$$;

COMMENT ON FUNCTION tenancy.refuse_truncate() IS
'Trigger: refuses TRUNCATE. It fires no row trigger, so the other side would keep the rows.';

CREATE OR REPLACE PROCEDURE tenancy.attach_mirrors()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- BEFORE, so that no other trigger of the booking writes statistics first. Not for a shop's role, which writes no statistics: it
    -- could read in a note, and see in a lock, whose the phone is that it wrote into a booking.
    CREATE OR REPLACE TRIGGER confirm_booking
    BEFORE UPDATE ON public.bookings
    FOR EACH ROW
    WHEN (
        NEW.status = 'CONFIRMED'
        AND OLD.status <> 'CONFIRMED'
        AND (row_security_active('public.bookings'::regclass) AND pg_has_role(to_regrole('convo_shop')::oid, 'USAGE')) IS NOT TRUE
    )
    EXECUTE FUNCTION tenancy.note_confirmed_booking();

    CREATE OR REPLACE TRIGGER confirm_new_booking
    BEFORE INSERT ON public.bookings
    FOR EACH ROW
    WHEN (
        NEW.status = 'CONFIRMED'
        AND (row_security_active('public.bookings'::regclass) AND pg_has_role(to_regrole('convo_shop')::oid, 'USAGE')) IS NOT TRUE
    )
    EXECUTE FUNCTION tenancy.note_confirmed_booking();

    -- That a mirror's own write is not mirrored back, the functions see to: to read a long WHEN costs each statement more than that.
    CREATE OR REPLACE TRIGGER mirror_customer_to_profiles
    AFTER UPDATE ON public.customers
    FOR EACH ROW
    WHEN (NEW.preferred_stylist_id IS DISTINCT FROM OLD.preferred_stylist_id OR NEW.no_show_count <> OLD.no_show_count)
    EXECUTE FUNCTION tenancy.mirror_customers_to_profiles();

    CREATE OR REPLACE TRIGGER mirror_new_customer_to_profiles
    AFTER INSERT ON public.customers
    FOR EACH ROW
    WHEN (NEW.preferred_stylist_id IS NOT NULL OR NEW.no_show_count <> 0)
    EXECUTE FUNCTION tenancy.mirror_customers_to_profiles();

    CREATE OR REPLACE TRIGGER mirror_statistics_to_profiles
    AFTER INSERT OR UPDATE OR DELETE ON public.customer_booking_stats
    FOR EACH ROW
    EXECUTE FUNCTION tenancy.mirror_statistics_to_profiles();

    CREATE OR REPLACE TRIGGER mirror_profile_to_legacy
    AFTER INSERT OR UPDATE OR DELETE ON public.customer_shop_profiles
    FOR EACH ROW
    EXECUTE FUNCTION tenancy.mirror_profiles_to_legacy();

    CREATE OR REPLACE TRIGGER mirror_stylist_preference_to_profile
    AFTER INSERT OR UPDATE OR DELETE ON public.customer_stylist_preferences
    FOR EACH ROW
    EXECUTE FUNCTION tenancy.mirror_stylist_preferences_to_profiles();

    CREATE OR REPLACE TRIGGER refuse_truncate
    BEFORE TRUNCATE ON public.customers
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.refuse_truncate();

    CREATE OR REPLACE TRIGGER refuse_truncate
    BEFORE TRUNCATE ON public.customer_booking_stats
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.refuse_truncate();

    CREATE OR REPLACE TRIGGER refuse_truncate
    BEFORE TRUNCATE ON public.customer_shop_profiles
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.refuse_truncate();

    CREATE OR REPLACE TRIGGER refuse_truncate
    BEFORE TRUNCATE ON public.customer_stylist_preferences
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.refuse_truncate();

    COMMENT ON TRIGGER confirm_booking ON public.bookings IS 'Locks the customer of a booking that turns CONFIRMED.';
    COMMENT ON TRIGGER confirm_new_booking ON public.bookings IS 'Locks the customer of a booking that is inserted as CONFIRMED.';
    COMMENT ON TRIGGER mirror_customer_to_profiles ON public.customers IS
    'Mirror: carries no-shows and preferred stylist to the profiles.';
    COMMENT ON TRIGGER mirror_new_customer_to_profiles ON public.customers IS
    'Mirror: carries a new customer''s no-shows and preferred stylist to the profiles.';
    COMMENT ON TRIGGER mirror_statistics_to_profiles ON public.customer_booking_stats IS 'Mirror: carries totals to the profiles.';
    COMMENT ON TRIGGER mirror_profile_to_legacy ON public.customer_shop_profiles IS
    'Mirror: carries a profile to customer_booking_stats and customers.';
    COMMENT ON TRIGGER mirror_stylist_preference_to_profile ON public.customer_stylist_preferences IS
    'Mirror: carries the stylist booked most to the shop''s profile.';
    COMMENT ON TRIGGER refuse_truncate ON public.customers IS 'Refuses TRUNCATE, which no mirror sees.';
    COMMENT ON TRIGGER refuse_truncate ON public.customer_booking_stats IS 'Refuses TRUNCATE, which no mirror sees.';
    COMMENT ON TRIGGER refuse_truncate ON public.customer_shop_profiles IS 'Refuses TRUNCATE, which no mirror sees.';
    COMMENT ON TRIGGER refuse_truncate ON public.customer_stylist_preferences IS 'Refuses TRUNCATE, which no mirror sees.';

    CALL tenancy.restart_watch();
END;
$$;

COMMENT ON PROCEDURE tenancy.attach_mirrors() IS
'Part of deploying phase 2 and of reverting the contract: creates all mirrors at once and starts the watch of legacy writers. '
'The caller has locked the tables. Example: CALL tenancy.attach_mirrors()';

CREATE OR REPLACE PROCEDURE tenancy.detach_mirrors()
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning -- of what is not there, nobody need be told
AS $$
BEGIN
    DROP TRIGGER IF EXISTS confirm_booking ON public.bookings;
    DROP TRIGGER IF EXISTS confirm_new_booking ON public.bookings;
    DROP TRIGGER IF EXISTS catch_up_booking ON public.bookings;
    DROP TRIGGER IF EXISTS catch_up_new_booking ON public.bookings;
    DROP TRIGGER IF EXISTS mirror_customer_to_profiles ON public.customers;
    DROP TRIGGER IF EXISTS mirror_new_customer_to_profiles ON public.customers;
    DROP TRIGGER IF EXISTS refuse_truncate ON public.customers;
    DROP TRIGGER IF EXISTS mirror_statistics_to_profiles ON public.customer_booking_stats;
    DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_booking_stats;
    DROP TRIGGER IF EXISTS mirror_profile_to_legacy ON public.customer_shop_profiles;
    DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_shop_profiles;
    DROP TRIGGER IF EXISTS mirror_stylist_preference_to_profile ON public.customer_stylist_preferences;
    DROP TRIGGER IF EXISTS refuse_truncate ON public.customer_stylist_preferences;

    DELETE FROM tenancy.mirror_watch;
END;
$$;

COMMENT ON PROCEDURE tenancy.detach_mirrors() IS
'Part of reverting phase 2 and of the contract: drops the mirrors and the triggers of the reconcile. The caller has locked the '
'tables. Example: CALL tenancy.detach_mirrors()';

COMMIT;
