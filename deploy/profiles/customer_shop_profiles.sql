-- Deploy convo_tenancy:profiles/customer_shop_profiles to pg

-- The foreign keys follow after the backfill (profiles/foreign_keys): checked row by
-- row they cost the backfill more than all else together.

\set ON_ERROR_STOP on
\set change profiles/customer_shop_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

-- What an earlier revert put aside comes back as it was.
DO $$
BEGIN
    IF to_regclass('tenancy_archive.customer_shop_profiles') IS NULL
        OR to_regclass('public.customer_shop_profiles') IS NOT NULL
    THEN
        RETURN;
    END IF;

    -- Somebody else's table would bring triggers and an owner of its own.
    IF NOT EXISTS (
        SELECT
        FROM pg_class AS t
        JOIN pg_namespace AS n ON n.oid = t.relnamespace
        WHERE t.oid = 'tenancy_archive.customer_shop_profiles'::regclass
            AND t.relkind = 'r'
            AND t.relowner = n.nspowner
            AND pg_get_userbyid(t.relowner) = current_user
    ) THEN
        RAISE EXCEPTION 'tenancy_archive.customer_shop_profiles is no table of the owner of public.customers: rename it'
            USING ERRCODE = 'duplicate_object';
    END IF;

    CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'tenancy_archive.customer_shop_profiles');
    ALTER TABLE tenancy_archive.customer_shop_profiles SET SCHEMA public;
    BEGIN
        DROP SCHEMA tenancy_archive;
    EXCEPTION
        WHEN dependent_objects_still_exist THEN
            NULL; -- something else is put aside there, too
    END;
END;
$$;

DO $$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_class AS t
        WHERE t.oid = to_regclass('public.customer_shop_profiles')
            AND (t.relkind <> 'r' OR pg_get_userbyid(t.relowner) <> current_user)
    ) THEN
        RAISE EXCEPTION 'public.customer_shop_profiles is no table of the owner of public.customers: rename it'
            USING ERRCODE = 'duplicate_object';
    END IF;
END;
$$;

SET LOCAL client_min_messages = warning; -- of what is there already, nobody need be told

CREATE TABLE IF NOT EXISTS public.customer_shop_profiles (
    id serial PRIMARY KEY,
    customer_id integer NOT NULL,
    shop_id integer NOT NULL,

    -- Moved from customers
    preferred_stylist_id integer,

    -- Moved from customer_booking_stats
    total_bookings integer NOT NULL DEFAULT 0,
    total_spend_cents integer NOT NULL DEFAULT 0,
    last_booking_at timestamptz,

    -- Moved from customers
    no_show_count integer NOT NULL DEFAULT 0,

    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT uq_customer_shop_profile UNIQUE (customer_id, shop_id)
)
WITH (
    fillfactor = 90, -- room for the mirrors' updates beside the row: without, each goes to all four indexes
    autovacuum_enabled = FALSE -- on again with the foreign keys: a vacuum of what was just filled would stand in their way
);

CREATE INDEX IF NOT EXISTS idx_customer_shop_profiles_shop ON public.customer_shop_profiles (shop_id);
CREATE INDEX IF NOT EXISTS idx_customer_shop_profiles_customer ON public.customer_shop_profiles (customer_id);

COMMENT ON TABLE public.customer_shop_profiles IS
'What belongs to one customer in one shop: statistics and preferences. Customers themselves are global (ADR-0001).';
COMMENT ON COLUMN public.customer_shop_profiles.id IS 'Surrogate key; (customer_id, shop_id) is the natural one.';
COMMENT ON COLUMN public.customer_shop_profiles.customer_id IS 'The global customer; the profile goes when the customer goes.';
COMMENT ON COLUMN public.customer_shop_profiles.shop_id IS 'The shop; the profile goes when the shop goes.';
COMMENT ON COLUMN public.customer_shop_profiles.preferred_stylist_id IS
'The stylist of this shop whom the customer prefers; NULL when there is none.';
COMMENT ON COLUMN public.customer_shop_profiles.total_bookings IS 'Bookings counted for this customer in this shop.';
COMMENT ON COLUMN public.customer_shop_profiles.total_spend_cents IS
'List price of the primary services of those bookings, in cents.';
COMMENT ON COLUMN public.customer_shop_profiles.last_booking_at IS
'Start of the booking in this shop that was counted last (not the latest start).';
COMMENT ON COLUMN public.customer_shop_profiles.no_show_count IS 'Bookings in this shop that the customer did not keep.';
COMMENT ON COLUMN public.customer_shop_profiles.created_at IS 'When the profile was made, by the backfill or by a first booking.';
COMMENT ON COLUMN public.customer_shop_profiles.updated_at IS 'When the profile was last written.';

COMMIT;
