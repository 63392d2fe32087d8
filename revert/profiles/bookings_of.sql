-- Revert convo_tenancy:profiles/bookings_of from pg

\set ON_ERROR_STOP on
\set change profiles/bookings_of
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP VIEW IF EXISTS tenancy.customer_bookings;
DROP FUNCTION IF EXISTS tenancy.bookings_of(integer);
DROP FUNCTION IF EXISTS tenancy.bookings_of(integer, varchar, varchar);

-- The bookings stay, and a later deploy reads them as evidence.
DO $$
BEGIN
    IF to_regclass('tenancy.unproven_bookings') IS NULL THEN
        RETURN;
    END IF;

    IF EXISTS (SELECT FROM tenancy.unproven_bookings) THEN
        CALL tenancy.create_archive_schema();
        ALTER TABLE tenancy.unproven_bookings SET SCHEMA tenancy_archive;
    ELSE
        DROP TABLE tenancy.unproven_bookings;
    END IF;
END;
$$;

COMMIT;
