-- Deploy convo_tenancy:isolation/policies to pg

-- A transaction for each table: to wait for all of them at once, everybody would have to wait for longer. The policies bind nobody
-- before row-level security is on: tenancy.enforce_isolation().

-- Ours would open what policies of the users' close, which may be there since.
\ir ../support/preconditions.sql
\set ON_ERROR_STOP on
\set change isolation/policies
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE PROCEDURE tenancy.isolate_table(table_name regclass, using_expression text, check_expression text DEFAULT NULL)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning -- of policies that are not there, nobody need be told
AS $$
BEGIN
    -- What the expressions read is locked by CREATE POLICY as well.
    CALL tenancy.lock_tables(
        'ACCESS EXCLUSIVE',
        table_name::text,
        'public.customers IN ACCESS SHARE MODE',
        'public.customer_shop_profiles IN ACCESS SHARE MODE',
        'public.services IN ACCESS SHARE MODE',
        'public.stylists IN ACCESS SHARE MODE'
    );

    EXECUTE format('DROP POLICY IF EXISTS as_before ON %s', table_name);
    EXECUTE format('DROP POLICY IF EXISTS of_the_shop ON %s', table_name);
    -- The first half is asked once a statement, and the second one only where a restore, say, lost of_the_shop: then for each row.
    EXECUTE format(
        $policy$
        CREATE POLICY as_before ON %s USING (
            EXISTS (
                SELECT
                FROM pg_policy AS p
                WHERE p.polrelid = %L::regclass
                    AND p.polname = 'of_the_shop'
                    AND NOT p.polpermissive
            )
            OR NOT coalesce(pg_has_role(current_user, to_regrole('convo_shop')::oid, 'USAGE'), FALSE)
        )
        $policy$, table_name, table_name
    );
    EXECUTE format(
        'CREATE POLICY of_the_shop ON %s AS RESTRICTIVE TO convo_shop USING (%s)%s', table_name, using_expression,
        CASE WHEN check_expression IS NOT NULL THEN format(' WITH CHECK (%s)', check_expression) ELSE '' END
    );

    EXECUTE format(
        'COMMENT ON POLICY as_before ON %s IS %L', table_name,
        'Lets every role see and write what its rights allow, as without row-level security (except COPY FROM). Members of '
        'convo_shop need the policy of_the_shop, too.'
    );
    EXECUTE format(
        'COMMENT ON POLICY of_the_shop ON %s IS %L', table_name,
        'Members of convo_shop see and write only rows of the shop context (tenancy.shop_context).'
    );
END;
$$;

COMMENT ON PROCEDURE tenancy.isolate_table(regclass, text, text) IS
'Adds two policies to a table, which bind members of convo_shop to the shop context once row-level security is on. The '
'permissive one lets others work as before; the restrictive one binds convo_shop. If that one is missing, the permissive one '
'closes the table to them. The owner is exempt, because nothing uses FORCE. Example: deploy/isolation/policies.sql';

CREATE OR REPLACE PROCEDURE tenancy.open_table(table_name regclass)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning -- of policies that are not there, nobody need be told
AS $$
BEGIN
    CALL tenancy.lock_tables('ACCESS EXCLUSIVE', table_name::text);
    EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('DROP POLICY IF EXISTS of_the_shop ON %s', table_name);
    EXECUTE format('DROP POLICY IF EXISTS as_before ON %s', table_name);
END;
$$;

COMMENT ON PROCEDURE tenancy.open_table(regclass) IS
'Drops the policies of tenancy.isolate_table() and disables row-level security. Example: CALL '
'tenancy.open_table(''public.stylists'')';

CALL tenancy.keep_open(is_begun => TRUE);

COMMIT;

\ir ../support/begin.sql

CALL tenancy.isolate_table(
    'public.stylists',
    using_expression => $$
        shop_id = tenancy.shop_context()
    $$
);

COMMIT;

\ir ../support/begin.sql

CALL tenancy.isolate_table(
    'public.services',
    using_expression => $$
        shop_id = tenancy.shop_context()
    $$
);

COMMIT;

-- What a booking names must be of the shop, too: else its constraints would tell what other shops have. Its times are such as every
-- client can read: not all read infinity or the year 294275, and some read the bookings of all shops.
\ir ../support/begin.sql

CALL tenancy.isolate_table(
    'public.bookings',
    using_expression => $$
        shop_id = tenancy.shop_context()
    $$,
    check_expression => $$
        shop_id = tenancy.shop_context()
        AND EXISTS (SELECT FROM public.stylists AS s WHERE s.id = stylist_id AND s.shop_id = tenancy.shop_context())
        AND EXISTS (SELECT FROM public.services AS s WHERE s.id = service_id AND s.shop_id = tenancy.shop_context())
        AND (
            secondary_service_id IS NULL
            OR EXISTS (SELECT FROM public.services AS s WHERE s.id = secondary_service_id AND s.shop_id = tenancy.shop_context())
        )
        AND least(
            start_at_utc, end_at_utc, hold_expires_at_utc, sms_sent_at_utc, appointment_status_updated_at_utc, acknowledged_at_utc,
            created_at, updated_at
        ) >= '1970-01-01 00:00+00'
        AND greatest(
            start_at_utc, end_at_utc, hold_expires_at_utc, sms_sent_at_utc, appointment_status_updated_at_utc, acknowledged_at_utc,
            created_at, updated_at
        ) < '2100-01-01 00:00+00'
    $$
);

COMMIT;

\ir ../support/begin.sql

CALL tenancy.isolate_table(
    'public.customer_shop_profiles',
    using_expression => $$
        shop_id = tenancy.shop_context()
    $$,
    check_expression => $$
        shop_id = tenancy.shop_context()
        AND (
            preferred_stylist_id IS NULL
            OR EXISTS (SELECT FROM public.stylists AS s WHERE s.id = preferred_stylist_id AND s.shop_id = tenancy.shop_context())
        )
    $$
);

COMMIT;

\ir ../support/begin.sql

CALL tenancy.isolate_table(
    'public.customers',
    using_expression => $$
        EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = customers.id
                AND p.shop_id = tenancy.shop_context()
        )
    $$
);

COMMIT;

\ir ../support/begin.sql

CALL tenancy.isolate_table(
    'public.customer_stylist_preferences',
    using_expression => $$
        EXISTS (SELECT FROM public.stylists AS s WHERE s.id = stylist_id AND s.shop_id = tenancy.shop_context())
    $$,
    check_expression => $$
        EXISTS (SELECT FROM public.stylists AS s WHERE s.id = stylist_id AND s.shop_id = tenancy.shop_context())
        AND EXISTS (SELECT FROM public.customers AS c WHERE c.id = customer_id)
    $$
);

COMMIT;

\ir ../support/begin.sql

CALL tenancy.isolate_table(
    'public.customer_service_preferences',
    using_expression => $$
        EXISTS (SELECT FROM public.services AS s WHERE s.id = service_id AND s.shop_id = tenancy.shop_context())
    $$,
    check_expression => $$
        EXISTS (SELECT FROM public.services AS s WHERE s.id = service_id AND s.shop_id = tenancy.shop_context())
        AND EXISTS (SELECT FROM public.customers AS c WHERE c.id = customer_id)
    $$
);

COMMIT;

\ir ../support/begin.sql

CALL tenancy.close_change('deploy');

COMMIT;
