-- Revert convo_tenancy:contract/switch from pg

-- The legacy side is brought up to date where nobody sees it, then comes back at one moment, with the mirrors: whoever finds it there,
-- finds it right.

\set ON_ERROR_STOP on
\set change contract/switch
\ir ../support/begin.sql
\if :is_done \quit \endif

-- An old application may have made a table of its own meanwhile. To look into what somebody else made would run it.
DO $$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
DECLARE
    stray text := (
        SELECT format('%s of role %I', CASE t.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE 'relation' END, pg_get_userbyid(t.relowner))
        FROM pg_class AS t
        WHERE t.oid = to_regclass('public.customer_booking_stats')
            AND (t.relkind <> 'r' OR pg_get_userbyid(t.relowner) <> current_user)
    );
BEGIN
    IF stray IS NOT NULL AND NOT tenancy.has_legacy_side() THEN
        RAISE EXCEPTION 'public.customer_booking_stats is there, a %, and the table that comes back needs the name: rename or drop it', stray
            USING ERRCODE = 'duplicate_object';
    END IF;
END;
$$;

CALL tenancy.keep_open(is_begun => TRUE);

COMMIT;

SELECT NOT tenancy.has_legacy_side() AS is_contracted \gset
\if :is_contracted
\ir ../support/begin.sql

CALL tenancy.create_archive_schema();
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');
SET LOCAL client_min_messages = warning; -- of what is there already, nobody need be told

-- No default that would be written for who is there, then one for who comes.
ALTER TABLE public.customers
ADD COLUMN IF NOT EXISTS preferred_stylist_id integer,
ADD COLUMN IF NOT EXISTS average_spend_cents integer,
ADD COLUMN IF NOT EXISTS no_show_count integer;

ALTER TABLE public.customers
ALTER COLUMN average_spend_cents SET DEFAULT 0,
ALTER COLUMN no_show_count SET DEFAULT 0;

-- After a purge
CALL tenancy.create_archive();
CREATE TABLE IF NOT EXISTS tenancy_archive.customer_booking_stats (
    customer_id integer NOT NULL,
    total_bookings integer NOT NULL,
    total_spend_cents integer NOT NULL,
    last_booking_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT customer_booking_stats_pkey PRIMARY KEY (customer_id)
);

COMMIT;

CALL tenancy.run_restore();

\ir ../support/begin.sql

-- Not before: who changes a customer must not find values that are not there yet.
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');
SET LOCAL client_min_messages = warning; -- of what is there already, nobody need be told

ALTER TABLE public.customers
DROP CONSTRAINT IF EXISTS customers_restored_check,
ADD CONSTRAINT customers_restored_check CHECK (average_spend_cents IS NOT NULL AND no_show_count IS NOT NULL) NOT VALID;

COMMIT;

ALTER TABLE public.customers VALIDATE CONSTRAINT customers_restored_check;

-- Again, and quickly: what was written while the first took its time.
SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon \gset
CALL tenancy.run_restore();

\ir ../support/begin.sql

CALL tenancy.lock_tables(
    'ACCESS EXCLUSIVE',
    'public.bookings',
    'public.customers',
    'public.customer_shop_profiles',
    'public.customer_stylist_preferences',
    'public.stylists'
);
SET LOCAL client_min_messages = warning; -- of what is there already, nobody need be told
SET LOCAL statement_timeout = '10s'; -- everybody waits

SELECT tenancy.restore_legacy_side(tenancy.customers_since(:'horizon')) \g /dev/null

-- An old application that started meanwhile made a table of its own.
DO $$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
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
        RAISE EXCEPTION 'public.customer_booking_stats is there, and not ours: rename or drop it, then run the same again'
            USING ERRCODE = 'duplicate_object';
    END IF;
    IF EXISTS (SELECT FROM public.customer_booking_stats) THEN
        RAISE WARNING 'an old application wrote to a customer_booking_stats of its own: it is tenancy_archive.% now, '
            'look what in it the profiles do not have', stray;
        -- A copy: its indexes have the names of those that come back.
        EXECUTE format('CREATE TABLE tenancy_archive.%I AS TABLE public.customer_booking_stats', stray);
    END IF;
    DROP TABLE public.customer_booking_stats;
END;
$$;

ALTER TABLE tenancy_archive.customer_booking_stats
DROP CONSTRAINT IF EXISTS customer_booking_stats_customer_id_fkey,
ADD CONSTRAINT customer_booking_stats_customer_id_fkey
FOREIGN KEY (customer_id) REFERENCES public.customers (id) NOT VALID;

ALTER TABLE tenancy_archive.customer_booking_stats SET SCHEMA public;

ALTER TABLE public.customers
ALTER COLUMN average_spend_cents SET NOT NULL, -- by the constraint, without a look at the rows
ALTER COLUMN no_show_count SET NOT NULL,
ADD CONSTRAINT customers_preferred_stylist_id_fkey
FOREIGN KEY (preferred_stylist_id) REFERENCES public.stylists (id) NOT VALID;

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

CALL tenancy.attach_mirrors();

DELETE FROM tenancy.contracted;

COMMIT;
\endif

ALTER TABLE public.customers VALIDATE CONSTRAINT customers_preferred_stylist_id_fkey;
ALTER TABLE public.customer_booking_stats VALIDATE CONSTRAINT customer_booking_stats_customer_id_fkey;

-- What went with the columns. Of what is there already, nobody need be told.
SET client_min_messages = warning;
RESET ROLE;
\ir ../../deploy/profiles/drift.sql
\ir ../../deploy/api/deprecated.sql
\ir ../../deploy/isolation/rights.sql
SET client_min_messages = notice;

-- A profile that was deleted in the last moments left no trace to find it by.
\ir ../support/begin.sql

DO $$
DECLARE
    drifted CONSTANT integer[] := ARRAY(SELECT DISTINCT d.customer_id FROM tenancy.drift AS d);
BEGIN
    PERFORM tenancy.repair(drifted, 'profiles');
END;
$$;

CALL tenancy.close_change('revert');

COMMIT;
