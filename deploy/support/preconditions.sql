-- Deploy convo_tenancy:support/preconditions to pg

-- Refuses a database that the plan does not fit, before anything in it is changed.
-- Variable: default_shop_id, the shop that owns what no booking places (1).

\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SHOW_CONTEXT never
\set SINGLELINE off
\if :{?default_shop_id}
\else
    \set default_shop_id 1
\endif

-- A new client has a session of its own. One that finds what the client before left in it shares it: through a pooler in transaction
-- mode, or one that resets nothing. So this client leaves a mark (as tenancy.mark_session() does) and connects anew.
SELECT pg_catalog.pg_try_advisory_lock_shared(1129270870, 1) \g /dev/null
\connect -reuse-previous=on

BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
SET LOCAL quote_all_identifiers = off;
SET LOCAL statement_timeout = '1min';
SET LOCAL lock_timeout = '5s';

SELECT set_config('tenancy.default_shop_id', :'default_shop_id', TRUE) AS default_shop_id \gset

DO $$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
DECLARE
    wanted_shop CONSTANT text := current_setting('tenancy.default_shop_id');
    problem text;
    owner_name name;
    shop_exists boolean;
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_locks AS l
        WHERE l.pid = pg_backend_pid()
            AND l.locktype = 'advisory'
            AND l.objsubid = 2
            AND l.classid::bigint = 1129270870
    ) THEN
        RAISE EXCEPTION 'a pooler in transaction mode is between: connect to the server itself, or to a pool in session mode, '
            'and see docs/support.md#poolers for what may be left'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    IF current_setting('server_version_num')::integer < 150000 THEN
        RAISE EXCEPTION 'PostgreSQL % is too old: upgrade to 15 or later', current_setting('server_version')
            USING ERRCODE = 'feature_not_supported';
    END IF;

    -- Sqitch sits idle in transaction while a script runs. Ended after the script committed and before it was registered, it would
    -- leave a change that stands and is not registered.
    SELECT string_agg(format('%s is %s', t.name, current_setting(t.name)), ', ')
    INTO problem
    FROM (VALUES ('idle_in_transaction_session_timeout'), ('transaction_timeout')) AS t (name)
    WHERE current_setting(t.name, TRUE) <> '0';
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%: run PGOPTIONS=''%'' sqitch deploy ...', problem,
            regexp_replace(problem, '(\w+) is [^,]+,?', '-c \1=0', 'g')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    -- Ours, for one transaction: set for longer, they would switch the mirrors off.
    IF current_setting('tenancy.mirroring', TRUE) <> '' OR current_setting('tenancy.confirmed', TRUE) <> '' THEN
        RAISE EXCEPTION 'tenancy.mirroring or tenancy.confirmed is set for the role, the database or the session: '
            'ALTER ROLE or ALTER DATABASE ... RESET it'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    -- What stands in a schema of somebody else's would run with the owner's rights.
    IF EXISTS (
        SELECT
        FROM pg_namespace AS n
        WHERE n.nspname = 'tenancy'
            AND n.nspowner <> (SELECT t.relowner FROM pg_class AS t WHERE t.oid = to_regclass('public.customers'))
    ) THEN
        RAISE EXCEPTION 'schema tenancy belongs to somebody else than public.customers. Where the tables changed hands, give their new owner '
            'all that is ours (docs/support.md); else rename it'
            USING ERRCODE = 'duplicate_object';
    END IF;

    -- Ours: the script runs again.
    IF to_regclass('tenancy.changes') IS NOT NULL THEN
        RETURN;
    END IF;

    problem := CASE
        WHEN to_regclass('tenancy.backfill_progress') IS NOT NULL THEN
            'schema tenancy was deployed from an older plan: revert it with the checkout that it was deployed from'
        WHEN to_regnamespace('tenancy') IS NOT NULL THEN
            'schema tenancy exists, and this plan did not make it: rename or drop it'
        WHEN to_regclass('public.customer_shop_profiles') IS NOT NULL THEN
            'table public.customer_shop_profiles exists, and this plan did not make it: rename or drop it'
    END;

    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem
            USING ERRCODE = 'duplicate_object';
    END IF;

    -- From here on messages have names of others; tenancy.printable() is not there yet.
    -- The tables, columns and types of the legacy schema that the plan reads or writes.
    WITH legacy (position, table_name, column_name, type, not_null) AS (
        VALUES
            (1, 'shops', 'id', 'integer', TRUE),
            (2, 'stylists', 'id', 'integer', TRUE),
            (3, 'stylists', 'shop_id', 'integer', TRUE),
            (4, 'services', 'id', 'integer', TRUE),
            (5, 'services', 'price_cents', 'integer', TRUE),
            (6, 'bookings', 'id', 'uuid', TRUE),
            (7, 'bookings', 'shop_id', 'integer', TRUE),
            (8, 'bookings', 'service_id', 'integer', TRUE),
            (9, 'bookings', 'stylist_id', 'integer', TRUE),
            (10, 'bookings', 'customer_email', 'character varying(255)', FALSE),
            (11, 'bookings', 'customer_phone', 'character varying(32)', FALSE),
            (12, 'bookings', 'start_at_utc', 'timestamp with time zone', TRUE),
            (13, 'bookings', 'status', 'bookingstatus', TRUE),
            (14, 'bookings', 'appointment_status', 'appointmentstatus', TRUE),
            (15, 'bookings', 'created_at', 'timestamp with time zone', TRUE),
            (16, 'customers', 'id', 'integer', TRUE),
            (17, 'customers', 'email', 'character varying(255)', FALSE),
            (18, 'customers', 'phone', 'character varying(32)', FALSE),
            (19, 'customers', 'name', 'character varying(255)', FALSE),
            (20, 'customers', 'preferred_stylist_id', 'integer', FALSE),
            (21, 'customers', 'average_spend_cents', 'integer', TRUE),
            (22, 'customers', 'no_show_count', 'integer', TRUE),
            (23, 'customer_booking_stats', 'customer_id', 'integer', TRUE),
            (24, 'customer_booking_stats', 'total_bookings', 'integer', TRUE),
            (25, 'customer_booking_stats', 'total_spend_cents', 'integer', TRUE),
            (26, 'customer_booking_stats', 'last_booking_at', 'timestamp with time zone', FALSE),
            (27, 'customer_stylist_preferences', 'customer_id', 'integer', TRUE),
            (28, 'customer_stylist_preferences', 'stylist_id', 'integer', TRUE),
            (29, 'customer_stylist_preferences', 'booking_count', 'integer', TRUE)
    ),

    found AS (
        SELECT
            l.position,
            CASE
                WHEN t.oid IS NULL THEN
                    format('table public.%s is missing', l.table_name)
                WHEN t.relkind <> 'r' THEN
                    format('public.%s is not an ordinary table', l.table_name)
                WHEN a.attname IS NULL THEN
                    format('column public.%s.%s is missing', l.table_name, l.column_name)
                WHEN regexp_replace(format_type(a.atttypid, a.atttypmod), '^public\.', '') <> l.type THEN
                    format(
                        'column public.%s.%s is %s, expected %s',
                        l.table_name, l.column_name, format_type(a.atttypid, a.atttypmod), l.type
                    )
                WHEN l.not_null AND NOT a.attnotnull THEN
                    format('column public.%s.%s lacks NOT NULL', l.table_name, l.column_name)
            END AS problem
        FROM legacy AS l
        LEFT JOIN pg_catalog.pg_class AS t
            ON t.relname = l.table_name
            AND t.relnamespace = to_regnamespace('public')
        LEFT JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = t.oid
            AND a.attname = l.column_name
            AND NOT a.attisdropped
    )

    SELECT string_agg(p.problem, '; ' ORDER BY p.position)
    INTO problem
    FROM (SELECT f.problem, min(f.position) AS position FROM found AS f GROUP BY f.problem) AS p;

    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', regexp_replace(
            format('database "%s" does not have the legacy schema: %s', current_database(), problem), '[^ -~]', '?', 'g'
        )
            USING ERRCODE = 'undefined_table';
    END IF;

    -- Keys that the profiles and their foreign keys stand on, and indexes without which the backfill
    -- would read all bookings for each batch.
    WITH legacy (position, table_name, column_name, is_unique) AS (
        VALUES
            (1, 'shops', 'id', TRUE),
            (2, 'stylists', 'id', TRUE),
            (3, 'customers', 'id', TRUE),
            (4, 'customer_booking_stats', 'customer_id', TRUE),
            (5, 'customers', 'phone', FALSE),
            (6, 'bookings', 'customer_phone', FALSE),
            (7, 'bookings', 'customer_email', FALSE),
            (8, 'customer_stylist_preferences', 'customer_id', FALSE)
    )

    SELECT string_agg(
        format(
            'public.%s needs %s on (%s)',
            l.table_name,
            CASE WHEN l.is_unique THEN 'a unique index' ELSE 'an index' END,
            l.column_name
        ),
        '; ' ORDER BY l.position
    )
    INTO problem
    FROM legacy AS l
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = i.indrelid
            AND a.attnum = i.indkey[0]
        WHERE i.indrelid = format('public.%I', l.table_name)::regclass
            AND i.indisvalid
            AND i.indpred IS NULL
            AND a.attname = l.column_name
            AND (NOT l.is_unique OR (i.indisunique AND i.indnkeyatts = 1))
    );

    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', regexp_replace(
            format('database "%s" does not have the legacy schema: %s', current_database(), problem), '[^ -~]', '?', 'g'
        )
            USING ERRCODE = 'undefined_object';
    END IF;

    -- Rights: what is ours belongs to the owner of the legacy tables.
    SELECT pg_catalog.pg_get_userbyid(min(t.relowner::bigint)::oid)
    INTO owner_name
    FROM pg_catalog.pg_class AS t
    WHERE t.oid IN (
        'public.shops'::regclass,
        'public.stylists'::regclass,
        'public.services'::regclass,
        'public.bookings'::regclass,
        'public.customers'::regclass,
        'public.customer_booking_stats'::regclass,
        'public.customer_stylist_preferences'::regclass
    )
    HAVING count(DISTINCT t.relowner) = 1;

    problem := CASE
        WHEN owner_name IS NULL THEN
            'the legacy tables have several owners: give them one (ALTER TABLE ... OWNER TO ...)'
        WHEN NOT pg_catalog.pg_has_role(current_user, owner_name, 'USAGE') THEN
            format(
                'role %I is not the owner of the legacy tables and does not inherit its rights: deploy as %I',
                current_user, owner_name
            )
        WHEN NOT pg_catalog.has_database_privilege(current_user, current_database(), 'CREATE') THEN
            format(
                'role %I may not create schemas: GRANT CREATE ON DATABASE %I TO %I',
                current_user, current_database(), current_user
            )
        WHEN NOT pg_catalog.has_schema_privilege(owner_name, 'public', 'CREATE') THEN
            format(
                'the owner of the legacy tables may not create tables: GRANT CREATE ON SCHEMA public TO %I',
                owner_name
            )
    END;

    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', regexp_replace(problem, '[^ -~]', '?', 'g')
            USING ERRCODE = 'insufficient_privilege';
    END IF;

    IF wanted_shop !~ '^[0-9]{1,9}$' THEN
        RAISE EXCEPTION 'default_shop_id is "%", not the id of a shop: use sqitch deploy --set default_shop_id=N',
            wanted_shop
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    EXECUTE 'SELECT EXISTS (SELECT FROM public.shops AS s WHERE s.id = $1)'
    INTO shop_exists
    USING wanted_shop::integer;

    IF NOT shop_exists THEN
        RAISE EXCEPTION 'shop %, the default shop, is not in public.shops: create it, or name another: %',
            wanted_shop, 'sqitch deploy --set default_shop_id=N'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
END;
$$;

COMMIT;
