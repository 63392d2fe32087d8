-- Deploy convo_tenancy:profiles/remember_profiles to pg

-- It comes before the triggers of the profiles (profiles/record_origins), which forget who has no profile any more, and has the first
-- tables that name customers: from here on who is deleted is forgotten.

\set ON_ERROR_STOP on
\set change profiles/remember_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.customers');

CREATE OR REPLACE FUNCTION tenancy.forget_customers()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    table_name regclass;
BEGIN
    -- Whatever stands now. What is put aside in tenancy_archive has foreign keys (tenancy.follow_deletions), but for the copy of a
    -- contract that works, which needs the notes of who goes; and so have the profiles after the backfill. A key here would lock the
    -- customer in each write of a note.
    FOR table_name IN
        SELECT a.attrelid
        FROM pg_attribute AS a
        JOIN pg_class AS t ON t.oid = a.attrelid
        WHERE a.attname = 'customer_id'
            AND t.relkind = 'r'
            AND t.oid IS DISTINCT FROM to_regclass('tenancy.tracked_customers')
            AND (
                t.relnamespace = 'tenancy'::regnamespace
                OR t.oid IN (to_regclass('public.customer_shop_profiles'), to_regclass('tenancy_archive.customers'))
            )
        ORDER BY a.attrelid
    LOOP
        EXECUTE format('DELETE FROM %s AS k USING deleted AS d WHERE k.customer_id = d.id', table_name);
    END LOOP;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.forget_customers() IS
'Trigger: when a customer is deleted, deletes their rows from each table of schema tenancy with a column customer_id, and their '
'profiles while no foreign key does that yet.';

CREATE OR REPLACE TRIGGER forget_customers
AFTER DELETE ON public.customers
REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT
EXECUTE FUNCTION tenancy.forget_customers();

COMMENT ON TRIGGER forget_customers ON public.customers IS 'Deletes what schema tenancy holds of a deleted customer.';

-- Without a foreign key: it would lock the customer of statistics that are deleted, and nobody else does that.
CREATE TABLE IF NOT EXISTS tenancy.remembered_profiles (
    customer_id integer NOT NULL,
    shop_id integer NOT NULL,
    total_bookings integer NOT NULL,
    total_spend_cents integer NOT NULL,
    CONSTRAINT remembered_profiles_pkey PRIMARY KEY (customer_id, shop_id)
);

COMMENT ON TABLE tenancy.remembered_profiles IS
'What a customer''s profiles held when their statistics were deleted, in case these come back. A row goes when the profile gets '
'it back, when the statistics are deleted again, or with the customer''s last profile.';
COMMENT ON COLUMN tenancy.remembered_profiles.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.remembered_profiles.shop_id IS 'The shop.';
COMMENT ON COLUMN tenancy.remembered_profiles.total_bookings IS 'Bookings that the profile held.';
COMMENT ON COLUMN tenancy.remembered_profiles.total_spend_cents IS 'Spend that it held, in cents.';

CREATE TABLE IF NOT EXISTS tenancy.inserted_statistics (
    customer_id integer NOT NULL,
    total_bookings integer NOT NULL,
    total_spend_cents integer NOT NULL,
    CONSTRAINT inserted_statistics_pkey PRIMARY KEY (customer_id)
);

COMMENT ON TABLE tenancy.inserted_statistics IS
'Statistics that came without a booking, such as from a dump, maybe before their bookings and counts. The next reconcile '
'divides them again unless they changed since, and deletes the row. It also goes when the statistics are deleted, and with the '
'customer''s last profile.';
COMMENT ON COLUMN tenancy.inserted_statistics.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.inserted_statistics.total_bookings IS 'Bookings in the statistics when they came.';
COMMENT ON COLUMN tenancy.inserted_statistics.total_spend_cents IS 'Spend in the statistics when they came, in cents.';

CREATE OR REPLACE FUNCTION tenancy.remember_profiles(customer_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM tenancy.remembered_profiles AS r WHERE r.customer_id = remember_profiles.customer_id;
    DELETE FROM tenancy.inserted_statistics AS i WHERE i.customer_id = remember_profiles.customer_id;

    INSERT INTO tenancy.remembered_profiles (customer_id, shop_id, total_bookings, total_spend_cents)
    SELECT
        p.customer_id,
        p.shop_id,
        p.total_bookings,
        p.total_spend_cents
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = remember_profiles.customer_id
        AND (p.total_bookings, p.total_spend_cents) <> (0, 0);
END;
$$;

COMMENT ON FUNCTION tenancy.remember_profiles(integer) IS
'Saves what a customer''s profiles hold in tenancy.remembered_profiles, before their statistics are deleted. Example: SELECT '
'tenancy.remember_profiles(42)';

CREATE OR REPLACE FUNCTION tenancy.recall_profiles(
    customer_id integer,
    total_bookings integer,
    total_spend_cents integer,
    last_booking_at timestamptz
)
RETURNS boolean
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
BEGIN
    IF (
        SELECT (sum(r.total_bookings), sum(r.total_spend_cents))
            IS DISTINCT FROM (recall_profiles.total_bookings, recall_profiles.total_spend_cents)
        FROM tenancy.remembered_profiles AS r
        JOIN public.shops AS s ON s.id = r.shop_id
        WHERE r.customer_id = recall_profiles.customer_id
    ) OR EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = recall_profiles.customer_id
            AND (p.total_bookings, p.total_spend_cents) <> (0, 0)
    )
    THEN
        IF coalesce(current_setting('app.current_shop_id', TRUE), '') = '' THEN
            INSERT INTO tenancy.inserted_statistics (customer_id, total_bookings, total_spend_cents)
            VALUES (recall_profiles.customer_id, recall_profiles.total_bookings, recall_profiles.total_spend_cents)
            ON CONFLICT ON CONSTRAINT inserted_statistics_pkey DO UPDATE
            SET
                total_bookings = excluded.total_bookings,
                total_spend_cents = excluded.total_spend_cents;
        END IF;
        RETURN FALSE;
    END IF;

    guard := tenancy.raise_guard();
    WITH recalled AS (
        DELETE FROM tenancy.remembered_profiles AS r
        WHERE r.customer_id = recall_profiles.customer_id
        RETURNING r.*
    )

    INSERT INTO public.customer_shop_profiles AS p (customer_id, shop_id, total_bookings, total_spend_cents)
    SELECT
        r.customer_id,
        r.shop_id,
        r.total_bookings,
        r.total_spend_cents
    FROM recalled AS r
    JOIN public.shops AS s ON s.id = r.shop_id
    ORDER BY r.shop_id
    ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO UPDATE
    SET
        total_bookings = excluded.total_bookings,
        total_spend_cents = excluded.total_spend_cents,
        updated_at = now();
    guard := set_config('tenancy.mirroring', guard_before, TRUE);

    RETURN EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = recall_profiles.customer_id
            AND p.last_booking_at IS NOT DISTINCT FROM recall_profiles.last_booking_at
    );
END;
$$;

COMMENT ON FUNCTION tenancy.recall_profiles(integer, integer, integer, timestamptz) IS
'For statistics that come without a booking: gives empty profiles back what tenancy.remember_profiles() saved, if it adds up to '
'these totals. Otherwise notes the statistics in tenancy.inserted_statistics, unless the shop context names their shop. Returns '
'true if the profiles are as before, with the last booking. Not mirrored. Example: SELECT tenancy.recall_profiles(42, 10, '
'50000, ''2026-03-01 10:00+00'')';

COMMIT;
