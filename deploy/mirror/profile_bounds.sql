-- Deploy convo_tenancy:mirror/profile_bounds to pg

-- The residual rule keeps profiles from going below zero, whatever the legacy side holds. The reconcile mended those with which a
-- table may have come; who came after it is mended here.

\set ON_ERROR_STOP on
\set change mirror/profile_bounds
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_shop_profiles');

CALL tenancy.keep_open(is_begun => TRUE);

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_constraint AS c
        WHERE c.conrelid = 'public.customer_shop_profiles'::regclass
            AND c.conname = 'customer_shop_profiles_check'
    ) THEN
        ALTER TABLE public.customer_shop_profiles
        ADD CONSTRAINT customer_shop_profiles_check
        CHECK (least(total_bookings, total_spend_cents, no_show_count) >= 0) NOT VALID;
    END IF;
END;
$$;

COMMIT;

BEGIN;

CALL tenancy.lock_to_read();

DO $$
DECLARE
    below_zero CONSTANT integer[] := ARRAY(
        SELECT p.customer_id
        FROM public.customer_shop_profiles AS p
        WHERE least(p.total_bookings, p.total_spend_cents, p.no_show_count) < 0
    );
BEGIN
    IF below_zero <> '{}' THEN
        PERFORM tenancy.repair(below_zero);
    END IF;
END;
$$;

COMMIT;

CALL tenancy.validate_constraint('public.customer_shop_profiles', 'customer_shop_profiles_check');

\ir ../support/begin.sql

CALL tenancy.close_change('deploy');

COMMIT;
