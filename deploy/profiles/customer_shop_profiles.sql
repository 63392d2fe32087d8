-- Deploy convo_tenancy:profiles/customer_shop_profiles to pg

-- The table, and the record of who wrote it. The foreign keys follow after the backfill (profiles/foreign_keys): checked row by
-- row they cost the backfill more than all else together.

\set ON_ERROR_STOP on
\set change profiles/customer_shop_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

-- A table that somebody made by the ADR is taken over (profiles/adoption): what an earlier revert put aside takes its place, else a copy.
\set home public
SELECT
    is_adopted,
    is_put_aside,
    is_adopted AND NOT is_put_aside AS is_copied,
    CASE WHEN is_put_aside THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END AS mode,
    array_remove(
        ARRAY[
            CASE WHEN is_put_aside THEN 'public.customers' END,
            CASE WHEN is_adopted THEN 'public.customer_shop_profiles' END,
            CASE WHEN is_put_aside THEN 'tenancy_archive.customer_shop_profiles' END,
            CASE WHEN is_put_aside AND tenancy.is_put_aside('profile_origins') THEN 'tenancy_archive.profile_origins' END
        ],
        NULL
    ) AS locked
FROM (
    SELECT
        o.is_there AND o.is_not_ours AS is_adopted,
        tenancy.is_put_aside('customer_shop_profiles') AND (o.is_not_ours OR NOT o.is_there) AS is_put_aside
    FROM (
        SELECT
            to_regclass('public.customer_shop_profiles') IS NOT NULL AS is_there,
            to_regclass('tenancy.profile_origins') IS NULL AS is_not_ours
    ) AS o
) AS found \gset

\if :is_adopted
\set looks_at_profiles yes
\ir ../support/preconditions.sql
\endif

CALL tenancy.lock_tables(:'mode', VARIADIC :'locked'::text[]);

\if :is_adopted
-- Once more: from here on nobody alters it.
\set looks_at_profiles yes
\ir ../support/preconditions.sql
\endif

SET LOCAL client_min_messages = warning; -- of what is there already, or is not there, nobody need be told

\if :is_put_aside
-- What an earlier revert put aside comes back as it was, with the record of who wrote it. tenancy.forget_customers() has the place of the
-- foreign keys, until the profiles get theirs again.
DO $$
BEGIN
    ALTER TABLE tenancy_archive.customer_shop_profiles DROP CONSTRAINT IF EXISTS customer_shop_profiles_customer_id_fkey;
    ALTER TABLE tenancy_archive.customer_shop_profiles SET SCHEMA tenancy;
    ALTER TABLE IF EXISTS tenancy_archive.profile_origins DROP CONSTRAINT IF EXISTS profile_origins_customer_id_fkey;
    ALTER TABLE IF EXISTS tenancy_archive.profile_origins SET SCHEMA tenancy;
    IF to_regclass('public.customer_shop_profiles') IS NULL THEN
        ALTER TABLE tenancy.customer_shop_profiles SET SCHEMA public;
        PERFORM tenancy.drop_archive_schema(); -- which may hold something else, too
    ELSE
        CALL tenancy.change_places('tenancy.customer_shop_profiles');
        INSERT INTO tenancy.adoption (is_divided) VALUES (TRUE);
    END IF;
    RAISE INFO 'the profiles that a revert put aside are in public.customer_shop_profiles again';
END;
$$;
\endif

\if :is_copied
\set home tenancy
CALL tenancy.keep_open(is_begun => TRUE);
DO $$
BEGIN
    DROP TABLE IF EXISTS tenancy.customer_shop_profiles; -- of a run that was interrupted
END;
$$;
\endif

CREATE TABLE IF NOT EXISTS :"home".customer_shop_profiles (
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

CREATE INDEX IF NOT EXISTS idx_customer_shop_profiles_shop ON :"home".customer_shop_profiles (shop_id);
CREATE INDEX IF NOT EXISTS idx_customer_shop_profiles_customer ON :"home".customer_shop_profiles (customer_id);

COMMENT ON TABLE :"home".customer_shop_profiles IS
'A customer''s statistics and preferences in one shop. Customers themselves are global (ADR-0001).';
COMMENT ON COLUMN :"home".customer_shop_profiles.id IS 'Surrogate key; (customer_id, shop_id) is the natural one.';
COMMENT ON COLUMN :"home".customer_shop_profiles.customer_id IS
'The customer, whom all shops share. Deleting the customer deletes the profile.';
COMMENT ON COLUMN :"home".customer_shop_profiles.shop_id IS 'The shop. Deleting the shop deletes the profile.';
COMMENT ON COLUMN :"home".customer_shop_profiles.preferred_stylist_id IS
'The stylist of this shop whom the customer prefers; NULL for nobody.';
COMMENT ON COLUMN :"home".customer_shop_profiles.total_bookings IS 'Bookings counted for this customer in this shop.';
COMMENT ON COLUMN :"home".customer_shop_profiles.total_spend_cents IS
'List price of the primary services of those bookings, in cents.';
COMMENT ON COLUMN :"home".customer_shop_profiles.last_booking_at IS
'Start of the booking in this shop that was counted last (not the latest start).';
COMMENT ON COLUMN :"home".customer_shop_profiles.no_show_count IS 'Bookings in this shop that the customer did not keep.';
COMMENT ON COLUMN :"home".customer_shop_profiles.created_at IS 'When the profile was made, by the backfill or by a first booking.';
COMMENT ON COLUMN :"home".customer_shop_profiles.updated_at IS 'When the profile was last written.';

\if :is_copied
CALL tenancy.begin_copy(:'kept_indexes'::oid[], :'kept_checks'::oid[]);

COMMIT;

CALL tenancy.run_copy();

\ir ../support/begin.sql

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers', 'public.customer_shop_profiles');
\set looks_at_profiles yes
\ir ../support/preconditions.sql
CALL tenancy.change_places('tenancy.customer_shop_profiles');
SET LOCAL client_min_messages = warning;
\endif

-- Who wrote them. No row for what the split wrote, which is nearly all: the backfill has nothing more to write.

SELECT :'is_put_aside'::boolean AND to_regclass('tenancy.profile_origins') IS NULL AS is_unknown \gset

CREATE TABLE IF NOT EXISTS tenancy.profile_origins (
    customer_id integer NOT NULL,
    shop_id integer NOT NULL,
    origin text NOT NULL,
    CONSTRAINT profile_origins_pkey PRIMARY KEY (customer_id, shop_id),
    CONSTRAINT profile_origins_origin_check CHECK (origin IN ('adoption', 'mirror', 'statement', 'unknown'))
);

COMMENT ON TABLE tenancy.profile_origins IS
'Profiles that something other than the split wrote or deleted; the legacy side may be unable to give back what they hold. '
'Triggers on public.customer_shop_profiles write it, except for a mirror''s update that updated_at and created_at show; '
'tenancy.written_customers lists all the customers. Example: SELECT origin, count(*) FROM tenancy.profile_origins GROUP BY origin';
COMMENT ON COLUMN tenancy.profile_origins.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.profile_origins.shop_id IS 'The shop.';
COMMENT ON COLUMN tenancy.profile_origins.origin IS
'The first writer: adoption (the application, before the table was taken over), mirror (a trigger: a mirror, or that of a '
'stylist who moved), statement (the SQL API, a repair, a person) or unknown (the profile was there before this record).';

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

COMMENT ON TRIGGER record_origin_of_new ON public.customer_shop_profiles IS
'Records an inserted profile in tenancy.profile_origins.';
COMMENT ON TRIGGER record_origin_of_deleted ON public.customer_shop_profiles IS
'Records a deleted profile in tenancy.profile_origins.';
COMMENT ON TRIGGER record_origin ON public.customer_shop_profiles IS 'Records an updated profile in tenancy.profile_origins.';

\if :is_copied
CALL tenancy.close_change('deploy');
\endif

COMMIT;
