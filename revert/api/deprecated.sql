-- Revert convo_tenancy:api/deprecated from pg

\set ON_ERROR_STOP on
\set change api/deprecated
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE UPDATE EXCLUSIVE', 'public.customers', 'public.customer_booking_stats');

DO $$
DECLARE
    earlier record;
BEGIN
    IF to_regclass('tenancy.earlier_comments') IS NULL THEN
        RETURN; -- the script runs again
    END IF;

    FOR earlier IN SELECT e.object_name, e.comment FROM tenancy.earlier_comments AS e LOOP
        EXECUTE format('COMMENT ON %s IS %L', earlier.object_name, earlier.comment);
    END LOOP;
END;
$$;

DROP TABLE IF EXISTS tenancy.earlier_comments;

COMMIT;
