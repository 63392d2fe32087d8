-- Deploy convo_tenancy:profiles/customer_shop_profiles to pg

-- The table, and the record of who wrote it. The foreign keys follow after the backfill (profiles/foreign_keys): checked row by
-- row they cost the backfill more than all else together.

\set ON_ERROR_STOP on
\set change profiles/customer_shop_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

-- What an earlier revert put aside comes back as it was, with the record of who wrote it.
DO $$
DECLARE
    aside text[] NOT NULL := '{}';
BEGIN
    IF NOT tenancy.is_put_aside('customer_shop_profiles') OR to_regclass('public.customer_shop_profiles') IS NOT NULL THEN
        RETURN;
    END IF;

    aside := ARRAY['tenancy_archive.customer_shop_profiles'];
    IF tenancy.is_put_aside('profile_origins') THEN
        aside := aside || 'tenancy_archive.profile_origins'::text;
    END IF;
    CALL tenancy.lock_tables('ACCESS EXCLUSIVE', VARIADIC ARRAY['public.customers'] || aside);
    -- tenancy.forget_customers() has the place of the foreign keys, until the profiles get theirs again.
    ALTER TABLE tenancy_archive.customer_shop_profiles DROP CONSTRAINT IF EXISTS customer_shop_profiles_customer_id_fkey;
    ALTER TABLE tenancy_archive.customer_shop_profiles SET SCHEMA public;
    ALTER TABLE IF EXISTS tenancy_archive.profile_origins DROP CONSTRAINT IF EXISTS profile_origins_customer_id_fkey;
    ALTER TABLE IF EXISTS tenancy_archive.profile_origins SET SCHEMA tenancy;
    PERFORM tenancy.drop_archive_schema(); -- which may hold something else, too
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

-- Who wrote them. No row for what the split wrote, which is nearly all: the backfill has nothing more to write.

SELECT to_regclass('tenancy.profile_origins') IS NULL AS is_unknown \gset

CREATE TABLE IF NOT EXISTS tenancy.profile_origins (
    customer_id integer NOT NULL,
    shop_id integer NOT NULL,
    origin text NOT NULL,
    CONSTRAINT profile_origins_pkey PRIMARY KEY (customer_id, shop_id),
    CONSTRAINT profile_origins_origin_check CHECK (origin IN ('mirror', 'statement', 'unknown'))
);

COMMENT ON TABLE tenancy.profile_origins IS
'The profiles that somebody else than the split wrote, or deleted: what they hold, the legacy side may not be able to give again. '
'Triggers of public.customer_shop_profiles enter them; tenancy.written_customers shows whose they are. '
'Example: SELECT origin, count(*) FROM tenancy.profile_origins GROUP BY origin';
COMMENT ON COLUMN tenancy.profile_origins.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.profile_origins.shop_id IS 'The shop.';
COMMENT ON COLUMN tenancy.profile_origins.origin IS
'Who was the first: mirror (a trigger: a mirror, or that of a stylist who moved), statement (the SQL API, a repair, a person), or '
'unknown (the profile was there before the record).';

\if :is_unknown
INSERT INTO tenancy.profile_origins (customer_id, shop_id, origin)
SELECT
    p.customer_id,
    p.shop_id,
    'unknown'
FROM public.customer_shop_profiles AS p;
\endif

-- A statement at a time, so that the backfill pays once a batch.
CREATE OR REPLACE TRIGGER record_origin_of_new
AFTER INSERT ON public.customer_shop_profiles
REFERENCING NEW TABLE AS written
FOR EACH STATEMENT
EXECUTE FUNCTION tenancy.record_origins();

CREATE OR REPLACE TRIGGER record_origin_of_deleted
AFTER DELETE ON public.customer_shop_profiles
REFERENCING OLD TABLE AS written
FOR EACH STATEMENT
EXECUTE FUNCTION tenancy.record_origins();

-- Without WHEN: to read the condition costs a statement more than the function that asks first.
CREATE OR REPLACE TRIGGER record_origin
AFTER UPDATE ON public.customer_shop_profiles
FOR EACH ROW
EXECUTE FUNCTION tenancy.record_origin();

COMMENT ON TRIGGER record_origin_of_new ON public.customer_shop_profiles IS 'Enters in tenancy.profile_origins who is new.';
COMMENT ON TRIGGER record_origin_of_deleted ON public.customer_shop_profiles IS 'Enters in tenancy.profile_origins who is gone.';
COMMENT ON TRIGGER record_origin ON public.customer_shop_profiles IS 'Enters in tenancy.profile_origins who was updated.';

COMMIT;
