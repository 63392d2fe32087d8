-- Deploy convo_tenancy:support/preconditions to pg

-- Refuses a database that the plan does not fit, before anything in it is changed.
-- Variables: default_shop_id, the shop that owns what no booking places (1); adopt, yes to take over a table customer_shop_profiles that
-- is there already. profiles/customer_shop_profiles includes this file, with looks_at_profiles, for its last part: the look at that
-- table.

\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SHOW_CONTEXT never
\set SINGLELINE off
\if :{?default_shop_id}
\else
    \set default_shop_id 1
\endif
\if :{?adopt}
\else
    \set adopt no
\endif

\if :{?looks_at_profiles}
    \set is_included yes
\else
    \set is_included no

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

SELECT to_regclass('tenancy.changes') IS NULL AS looks_at_profiles \gset

\endif

\if :looks_at_profiles

-- A table of the ADR that somebody made: what of it cannot be taken over, and what of it is different. From the catalogs alone.
WITH profiles AS (
    SELECT
        t.*,
        t.relkind = 'r' AND NOT t.relispartition AS is_table,
        (SELECT o.relowner FROM pg_catalog.pg_class AS o WHERE o.oid = to_regclass('public.customers')) AS customers_owner
    FROM pg_catalog.pg_class AS t
    WHERE t.oid = to_regclass('public.customer_shop_profiles')
),

adr (position, name, type, not_null) AS (
    VALUES
    (1, 'id', 'integer', TRUE),
    (2, 'customer_id', 'integer', TRUE),
    (3, 'shop_id', 'integer', TRUE),
    (4, 'preferred_stylist_id', 'integer', FALSE),
    (5, 'total_bookings', 'integer', TRUE),
    (6, 'total_spend_cents', 'integer', TRUE),
    (7, 'last_booking_at', 'timestamp with time zone', FALSE),
    (8, 'no_show_count', 'integer', TRUE),
    (9, 'created_at', 'timestamp with time zone', TRUE),
    (10, 'updated_at', 'timestamp with time zone', TRUE)
),

own_column AS (
    SELECT
        a.*,
        pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
    FROM profiles AS t
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = t.oid
        AND a.attnum > 0
        AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef AS d
        ON d.adrelid = a.attrelid
        AND d.adnum = a.attnum
    WHERE t.is_table
        AND a.attname NOT IN (SELECT r.name FROM adr AS r)
),

index AS (
    SELECT
        c.oid,
        c.relname AS name,
        i.indisunique,
        i.indisexclusion,
        i.indisvalid,
        -- Of which columns, expressions and condition included
        ARRAY( -- noqa: CP03
            SELECT a.attname::text
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = i.indrelid
                AND (a.attnum = ANY (i.indkey) OR EXISTS ( -- noqa: CP03,LT01,LT06
                    SELECT
                    FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass
                        AND d.objid = i.indexrelid
                        AND d.refclassid = 'pg_catalog.pg_class'::regclass
                        AND d.refobjid = i.indrelid
                        AND d.refobjsubid = a.attnum
                ))
            ORDER BY a.attname
        ) AS columns,
        i.indimmediate,
        i.indpred IS NULL
        AND i.indexprs IS NULL
        AND i.indisvalid
        AND i.indimmediate
        AND i.indnatts = i.indnkeyatts
        AND m.amname = 'btree' AS is_plain
    FROM profiles AS t
    JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
    WHERE t.is_table
),

-- Ours by another name, or one that stops none of our rows, or neither
judged_index AS (
    SELECT
        i.*,
        o.name AS own_name,
        i.indisvalid
        AND o.name IS NULL
        AND NOT i.indisexclusion
        AND i.indimmediate
        AND (
            NOT i.indisunique
            OR NOT i.columns && ARRAY(SELECT r.name FROM adr AS r) -- noqa: CP03
            OR i.columns @> '{id}'
            OR i.columns @> '{customer_id,shop_id}'
        ) AS is_kept
    FROM index AS i
    LEFT JOIN (
        VALUES
        ('customer_shop_profiles_pkey', '{id}'::text[], TRUE),
        ('uq_customer_shop_profile', '{customer_id,shop_id}', TRUE),
        ('idx_customer_shop_profiles_shop', '{shop_id}', FALSE),
        ('idx_customer_shop_profiles_customer', '{customer_id}', FALSE)
    ) AS o (name, columns, is_unique)
        ON o.columns = i.columns
        AND o.is_unique = i.indisunique
        AND i.is_plain
),

own_constraint AS (
    SELECT
        c.*,
        c.contype = 'c' AND c.convalidated AND c.conkey <@ ARRAY(SELECT o.attnum FROM own_column AS o) AS is_kept -- noqa: CP03
    FROM profiles AS t
    JOIN pg_catalog.pg_constraint AS c ON c.conrelid = t.oid
    WHERE t.is_table
        AND c.contype IN ('c', 'f')
),

found (position, is_refused, finding) AS (
    SELECT
        1,
        TRUE,
        CASE
            WHEN NOT t.is_table THEN 'it is not an ordinary table: rename it'
            WHEN t.relowner <> t.customers_owner
                THEN format(
                        'it belongs to %I, customers to %I: ALTER TABLE ... OWNER TO',
                        pg_catalog.pg_get_userbyid(t.relowner), pg_catalog.pg_get_userbyid(t.customers_owner)
                    )
            WHEN t.relpersistence <> 'p' THEN 'it is not logged: ALTER TABLE ... SET LOGGED'
            WHEN t.reloftype <> 0 THEN 'it is a table OF a type: ALTER TABLE ... NOT OF'
            WHEN EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE t.oid IN (i.inhrelid, i.inhparent))
                THEN
                    'it has children or a parent: ALTER TABLE ... NO INHERIT'
            WHEN t.relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = t.oid) THEN
                'it has row-level security: DISABLE ROW LEVEL SECURITY, and DROP POLICY'
        END
    FROM profiles AS t
    UNION ALL
    SELECT
        1 + r.position,
        TRUE,
        CASE
            WHEN a.attname IS NULL THEN format('column %s is missing', r.name)
            WHEN format_type(a.atttypid, a.atttypmod) <> r.type
                THEN
                    format('column %s is %s, expected %s', r.name, format_type(a.atttypid, a.atttypmod), r.type)
            WHEN a.attgenerated <> '' THEN format('column %s is generated: DROP EXPRESSION', r.name)
            WHEN r.not_null AND NOT a.attnotnull THEN format('column %s lacks NOT NULL', r.name)
            WHEN a.attnotnull AND NOT r.not_null THEN format('column %s is NOT NULL: ALTER COLUMN ... DROP NOT NULL', r.name)
        END
    FROM profiles AS t
    CROSS JOIN adr AS r
    LEFT JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = t.oid
        AND a.attname = r.name
        AND NOT a.attisdropped
    WHERE t.is_table
    UNION ALL
    SELECT
        20,
        a.attidentity <> '' OR (a.attnotnull OR y.typnotnull) AND coalesce(a.expression, y.typdefault) IS NULL,
        CASE
            WHEN a.attidentity <> '' THEN format('column %I draws numbers as an identity: DROP IDENTITY', a.attname)
            WHEN (a.attnotnull OR y.typnotnull) AND coalesce(a.expression, y.typdefault) IS NULL
                THEN
                    format('column %I is NOT NULL without a default: ALTER COLUMN ... SET DEFAULT, or DROP NOT NULL', a.attname)
            ELSE format('column %I is kept', a.attname)
        END
    FROM own_column AS a
    JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
    UNION ALL
    SELECT
        21,
        n.is_unique,
        format('it has no %s on (%s)%s', n.kind, n.columns, CASE WHEN n.is_unique THEN ': add one' END)
    FROM profiles AS t
    CROSS JOIN (
        VALUES
        ('unique index', 'id', 'customer_shop_profiles_pkey', TRUE),
        ('unique index', 'customer_id, shop_id', 'uq_customer_shop_profile', TRUE),
        ('index', 'shop_id', 'idx_customer_shop_profiles_shop', FALSE),
        ('index', 'customer_id', 'idx_customer_shop_profiles_customer', FALSE)
    ) AS n (kind, columns, name, is_unique)
    WHERE t.is_table
        AND n.name NOT IN (SELECT i.own_name FROM judged_index AS i WHERE i.own_name IS NOT NULL)
    UNION ALL
    SELECT
        22,
        NOT i.is_kept AND i.own_name IS NULL AND i.indisvalid,
        CASE
            WHEN i.own_name <> i.name THEN format('index %I is called %s', i.name, i.own_name)
            WHEN i.own_name IS NOT NULL THEN NULL
            WHEN NOT i.indisvalid THEN format('index %I is not valid, and left out', i.name)
            WHEN i.is_kept THEN format('index %I is kept', i.name)
            ELSE format('index %I may stop profiles of other shops: drop it', i.name)
        END
    FROM judged_index AS i
    UNION ALL
    SELECT
        23,
        c.contype = 'f' AND c.confdeltype IN ('a', 'r'),
        CASE
            WHEN c.contype = 'f' AND c.confdeltype IN ('a', 'r')
                THEN
                    format('constraint %I stops a DELETE: make it ON DELETE CASCADE or SET NULL', c.conname)
            WHEN c.is_kept THEN format('constraint %I is kept', c.conname)
            WHEN NOT (c.contype = 'f' AND c.conkey <@ ARRAY( -- noqa: CP03
                    SELECT a.attnum
                    FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid = c.conrelid
                        AND a.attname IN ('customer_id', 'shop_id', 'preferred_stylist_id')
                )) THEN format('constraint %I is left out', c.conname)
        END
    FROM own_constraint AS c
    UNION ALL
    SELECT
        24,
        TRUE,
        format('%I has a name that is needed: rename it', k.name)
    FROM (
        SELECT i.name FROM judged_index AS i WHERE i.is_kept
        UNION ALL
        SELECT c.conname FROM own_constraint AS c WHERE c.is_kept
    ) AS k (name)
    WHERE k.name IN ('uq_customer_shop_profile', 'idx_customer_shop_profiles_shop', 'idx_customer_shop_profiles_customer')
        OR k.name IN ('customer_shop_profiles_pkey', 'customer_shop_profiles_check', 'customer_shop_profiles_id_seq')
        OR k.name LIKE 'customer\_shop\_profiles\_%\_fkey'
    UNION ALL
    SELECT
        25,
        TRUE,
        format('trigger %I would stay behind: drop it', g.tgname)
    FROM profiles AS t
    JOIN pg_catalog.pg_trigger AS g
        ON g.tgrelid = t.oid
        AND NOT g.tgisinternal
    JOIN pg_catalog.pg_proc AS f ON f.oid = g.tgfoid
    WHERE t.is_table
        AND f.pronamespace IS DISTINCT FROM to_regnamespace('tenancy')
    UNION ALL
    SELECT
        26,
        TRUE,
        format('rule %I would stay behind: drop it', r.rulename)
    FROM profiles AS t
    JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = t.oid
    WHERE t.is_table
    UNION ALL
    SELECT DISTINCT
        27,
        TRUE,
        format('%s would stay behind: drop it, and make it again afterwards', pg_catalog.pg_describe_object(d.classid, d.objid, 0))
    FROM profiles AS t
    JOIN pg_catalog.pg_depend AS d
        ON (d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid)
        OR (d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid IN (t.reltype, (
            SELECT y.typarray FROM pg_catalog.pg_type AS y WHERE y.oid = t.reltype
        )))
    WHERE t.is_table
        AND (d.deptype = 'n' OR d.classid = 'pg_catalog.pg_publication_rel'::regclass)
        AND d.classid NOT IN ('pg_catalog.pg_policy'::regclass, 'pg_catalog.pg_trigger'::regclass)
        AND (d.classid, d.objid) NOT IN ( -- its own
            SELECT
                'pg_catalog.pg_rewrite'::regclass,
                r.oid
            FROM pg_catalog.pg_rewrite AS r
            WHERE r.ev_class = t.oid
            UNION ALL
            SELECT
                'pg_catalog.pg_constraint'::regclass,
                c.oid
            FROM pg_catalog.pg_constraint AS c
            WHERE c.conrelid = t.oid
            UNION ALL
            SELECT
                'pg_catalog.pg_attrdef'::regclass,
                f.oid
            FROM pg_catalog.pg_attrdef AS f
            WHERE f.adrelid = t.oid
            UNION ALL
            SELECT
                'pg_catalog.pg_class'::regclass,
                i.indexrelid
            FROM pg_catalog.pg_index AS i
            WHERE i.indrelid = t.oid
            UNION ALL
            SELECT
                'pg_catalog.pg_statistic_ext'::regclass,
                s.oid
            FROM pg_catalog.pg_statistic_ext AS s
            WHERE s.stxrelid = t.oid
        )
    UNION ALL
    SELECT
        28,
        TRUE,
        'tenancy_archive.adopted_profiles exists: rename it'
    WHERE to_regclass('tenancy_archive.adopted_profiles') IS NOT NULL
    UNION ALL
    SELECT
        29,
        TRUE,
        format('column %I is not in tenancy_archive.customer_shop_profiles, which comes back: add it there', a.attname)
    FROM own_column AS a
    WHERE to_regclass('tenancy_archive.customer_shop_profiles') IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_attribute AS z
            WHERE z.attrelid = to_regclass('tenancy_archive.customer_shop_profiles')
                AND z.attname = a.attname
                AND NOT z.attisdropped
        )
)

SELECT
    CASE
        WHEN NOT EXISTS (SELECT FROM profiles) THEN 'absent'
        WHEN EXISTS (SELECT FROM found AS f WHERE f.is_refused AND f.finding IS NOT NULL) THEN 'refused'
        WHEN :'adopt' = 'yes' OR to_regclass('tenancy.customer_shop_profiles') IS NOT NULL THEN 'agreed' -- or begun
        ELSE 'asked'
    END AS adoption_state,
    (
        SELECT regexp_replace(coalesce(string_agg(f.finding, '; ' ORDER BY f.position, f.finding), ''), '[^ -~]', '?', 'g')
        FROM found AS f
        WHERE f.is_refused OR NOT EXISTS (SELECT FROM found AS r WHERE r.is_refused AND r.finding IS NOT NULL)
    ) AS adoption_findings,
    ARRAY(SELECT i.oid FROM judged_index AS i WHERE i.is_kept ORDER BY i.name)::text AS kept_indexes, -- noqa: CP03
    ARRAY(SELECT c.oid FROM own_constraint AS c WHERE c.is_kept ORDER BY c.conname)::text AS kept_checks -- noqa: CP03
\gset

SELECT
    set_config('tenancy.adoption_state', :'adoption_state', TRUE),
    set_config('tenancy.adoption_findings', :'adoption_findings', TRUE) \g /dev/null

DO $$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
DECLARE
    state CONSTANT text NOT NULL := current_setting('tenancy.adoption_state');
    findings CONSTANT text NOT NULL := current_setting('tenancy.adoption_findings');
    rows_found text;
BEGIN
    IF state = 'refused' THEN
        RAISE EXCEPTION 'table public.customer_shop_profiles exists, and this plan did not make it. It cannot be taken over: %. Put that '
            'right, or rename or drop the table', findings
            USING ERRCODE = 'duplicate_object';
    ELSIF state = 'asked' THEN
        EXECUTE 'SELECT string_agg(format(''%s in shop %s'', s.profiles, s.shop_id), '', '' ORDER BY s.shop_id) '
            'FROM (SELECT p.shop_id, count(*) AS profiles FROM public.customer_shop_profiles AS p GROUP BY p.shop_id) AS s'
        INTO rows_found;
        RAISE EXCEPTION 'table public.customer_shop_profiles exists, and this plan did not make it. To take it over, run sqitch deploy '
            '--set adopt=yes (docs/phase-1.md says what that does). It has profiles: %. Other than in ADR-0001: %',
            coalesce(rows_found, 'none'), coalesce(nullif(findings, ''), 'nothing')
            USING ERRCODE = 'duplicate_object';
    END IF;
END;
$$;

\endif

\unset looks_at_profiles

\if :is_included
\else
COMMIT;
\endif
