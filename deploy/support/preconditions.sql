-- Deploy convo_tenancy:support/preconditions to pg

-- Refuses a database that the plan does not fit, before anything in it is changed: for all that phases 1 to 3 need. Warns of what would
-- hold them up. It only looks, and runs again where phase 2 begins, since the application may alter its tables meanwhile.
-- Variables: default_shop_id, the shop of counts that no booking ties to a shop (1); adopt, yes to take over a table
-- customer_shop_profiles that is there already. profiles/customer_shop_profiles includes this file, with looks_at_profiles, for the
-- look at that table alone.

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
\else

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

SELECT
    set_config('tenancy.default_shop_id', :'default_shop_id', TRUE) AS default_shop_id,
    set_config('tenancy.target_phase', '', TRUE) AS target_phase
\gset

\endif

SELECT set_config('tenancy.adopt', :'adopt', TRUE) \g /dev/null

-- A table of the ADR that somebody made: what of it cannot be taken over, and what of it is different. convo-tenancy preflight runs this
-- block, too. It leaves in tenancy.adoption its state (absent, refused, asked or agreed), what is to be said of it, and which of its
-- indexes and CHECKs are kept. Its argument is the setting tenancy.adopt.
DO $adoption$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
DECLARE
    adoption record;
    rows_found text;
    refusal text;
BEGIN
    WITH profiles AS (
        SELECT
            t.*,
            t.relkind = 'r' AND NOT t.relispartition AS is_table,
            (SELECT o.relowner FROM pg_class AS o WHERE o.oid = to_regclass('public.customers')) AS customers_owner
        FROM pg_class AS t
        WHERE t.oid = to_regclass('public.customer_shop_profiles')
            AND to_regclass('tenancy.profile_origins') IS NULL -- else it is ours
    ),

    adr (position, name, type, not_null, default_value) AS (
        VALUES
        (1, 'id', 'integer', TRUE, NULL),
        (2, 'customer_id', 'integer', TRUE, NULL),
        (3, 'shop_id', 'integer', TRUE, NULL),
        (4, 'preferred_stylist_id', 'integer', FALSE, NULL),
        (5, 'total_bookings', 'integer', TRUE, '0'),
        (6, 'total_spend_cents', 'integer', TRUE, '0'),
        (7, 'last_booking_at', 'timestamp with time zone', FALSE, NULL),
        (8, 'no_show_count', 'integer', TRUE, '0'),
        (9, 'created_at', 'timestamp with time zone', TRUE, 'now()'),
        (10, 'updated_at', 'timestamp with time zone', TRUE, 'now()')
    ),

    own_column AS (
        SELECT
            a.*,
            pg_get_expr(d.adbin, d.adrelid) AS expression
        FROM profiles AS t
        JOIN pg_attribute AS a
            ON a.attrelid = t.oid
            AND a.attnum > 0
            AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d
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
                FROM pg_attribute AS a
                WHERE a.attrelid = i.indrelid
                    AND (a.attnum = ANY (i.indkey) OR EXISTS ( -- noqa: CP03,LT01,LT06
                        SELECT
                        FROM pg_depend AS d
                        WHERE d.classid = 'pg_class'::regclass
                            AND d.objid = i.indexrelid
                            AND d.refclassid = 'pg_class'::regclass
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
        JOIN pg_index AS i ON i.indrelid = t.oid
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_am AS m ON m.oid = c.relam
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
        JOIN pg_constraint AS c ON c.conrelid = t.oid
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
                            pg_get_userbyid(t.relowner), pg_get_userbyid(t.customers_owner)
                        )
                WHEN t.relpersistence <> 'p' THEN 'it is not logged: ALTER TABLE ... SET LOGGED'
                WHEN t.reloftype <> 0 THEN 'it is a table OF a type: ALTER TABLE ... NOT OF'
                WHEN EXISTS (SELECT FROM pg_inherits AS i WHERE t.oid IN (i.inhrelid, i.inhparent))
                    THEN
                        'it has children or a parent: ALTER TABLE ... NO INHERIT'
                WHEN t.relrowsecurity OR EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = t.oid) THEN
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
                WHEN r.not_null AND EXISTS (
                    SELECT
                    FROM pg_constraint AS c
                    WHERE c.conrelid = t.oid
                        AND c.contype = 'n'
                        AND c.conkey = ARRAY[a.attnum]
                        AND NOT c.convalidated
                ) THEN format('column %s has a NOT NULL that is NOT VALID: VALIDATE CONSTRAINT', r.name)
                WHEN a.attnotnull AND NOT r.not_null THEN format('column %s is NOT NULL: ALTER COLUMN ... DROP NOT NULL', r.name)
            END
        FROM profiles AS t
        CROSS JOIN adr AS r
        LEFT JOIN pg_attribute AS a
            ON a.attrelid = t.oid
            AND a.attname = r.name
            AND NOT a.attisdropped
        WHERE t.is_table
        UNION ALL
        -- The application may draw ids by name.
        SELECT
            12,
            TRUE,
            'column id does not draw from its own sequence customer_shop_profiles_id_seq: rename the sequence, make it OWNED BY that column, '
            'and SET DEFAULT nextval(...)'
        FROM profiles AS t
        JOIN pg_attribute AS a
            ON a.attrelid = t.oid
            AND a.attname = 'id'
            AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d
            ON d.adrelid = a.attrelid
            AND d.adnum = a.attnum
        WHERE t.is_table
            AND (
                pg_get_serial_sequence('public.customer_shop_profiles', 'id') IS DISTINCT FROM 'public.customer_shop_profiles_id_seq'
                OR (
                    a.attidentity = ''
                    AND pg_get_expr(d.adbin, d.adrelid)
                    IS DISTINCT FROM 'nextval(''public.customer_shop_profiles_id_seq''::regclass)'
                )
            )
        UNION ALL
        SELECT
            13,
            TRUE,
            format('sequence %s is owned by column %I, and would go with it: ALTER SEQUENCE ... OWNED BY NONE', q.oid::regclass, a.attname)
        FROM profiles AS t
        JOIN pg_depend AS d
            ON d.classid = 'pg_class'::regclass
            AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = t.oid
            AND d.deptype = 'a'
        JOIN pg_class AS q
            ON q.oid = d.objid
            AND q.relkind = 'S'
        JOIN pg_attribute AS a
            ON a.attrelid = t.oid
            AND a.attnum = d.refobjsubid
            AND a.attname <> 'id'
        WHERE t.is_table
        UNION ALL
        SELECT
            14,
            FALSE,
            CASE
                WHEN a.attidentity <> '' THEN format('column %I is an identity, and a serial until the revert', a.attname)
                WHEN a.attname <> 'id' THEN format('the default of column %I is that of ADR-0001 until the revert', a.attname)
            END
        FROM profiles AS t
        CROSS JOIN adr AS r
        JOIN pg_attribute AS a
            ON a.attrelid = t.oid
            AND a.attname = r.name
            AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d
            ON d.adrelid = a.attrelid
            AND d.adnum = a.attnum
        WHERE t.is_table
            AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM r.default_value)
        UNION ALL
        SELECT
            15,
            FALSE,
            CASE
                WHEN q.seqmax < 2147483647 OR q.seqincrement <> 1 OR q.seqcycle
                    THEN 'the options of sequence customer_shop_profiles_id_seq are left out until the revert'
            END
        FROM profiles AS t
        JOIN pg_sequence AS q ON q.seqrelid = to_regclass('public.customer_shop_profiles_id_seq')
        WHERE t.is_table
        UNION ALL
        SELECT
            16,
            FALSE,
            CASE WHEN o.is_so THEN format('%s left out until the revert', o.what) END
        FROM profiles AS t
        CROSS JOIN LATERAL (
            VALUES
            ('its REPLICA IDENTITY is', t.relreplident <> 'd'),
            ('its storage parameters are', t.reloptions IS NOT NULL),
            ('its extended statistics are', EXISTS (SELECT FROM pg_statistic_ext AS x WHERE x.stxrelid = t.oid)),
            ('CLUSTER is', EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = t.oid AND i.indisclustered)),
            (
                'STORAGE and STATISTICS of columns are',
                EXISTS (
                    SELECT
                    FROM pg_attribute AS a
                    JOIN pg_type AS y ON y.oid = a.atttypid
                    WHERE a.attrelid = t.oid
                        AND a.attnum > 0
                        AND NOT a.attisdropped
                        AND (a.attstorage <> y.typstorage OR a.attstattarget >= 0)
                )
            )
        ) AS o (what, is_so)
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
        JOIN pg_type AS y ON y.oid = a.atttypid
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
                        FROM pg_attribute AS a
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
        JOIN pg_trigger AS g
            ON g.tgrelid = t.oid
            AND NOT g.tgisinternal
        JOIN pg_proc AS f ON f.oid = g.tgfoid
        WHERE t.is_table
            AND f.pronamespace IS DISTINCT FROM to_regnamespace('tenancy')
        UNION ALL
        SELECT
            26,
            TRUE,
            format('rule %I would stay behind: drop it', r.rulename)
        FROM profiles AS t
        JOIN pg_rewrite AS r ON r.ev_class = t.oid
        WHERE t.is_table
        UNION ALL
        SELECT DISTINCT
            27,
            TRUE,
            format('%s would stay behind: drop it, and make it again afterwards', pg_describe_object(d.classid, d.objid, 0))
        FROM profiles AS t
        JOIN pg_depend AS d
            ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid)
            OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.reltype, (
                SELECT y.typarray FROM pg_type AS y WHERE y.oid = t.reltype
            )))
        WHERE t.is_table
            AND (d.deptype = 'n' OR d.classid = 'pg_publication_rel'::regclass)
            AND d.classid NOT IN ('pg_policy'::regclass, 'pg_trigger'::regclass)
            AND (d.classid, d.objid) NOT IN ( -- its own
                SELECT
                    'pg_rewrite'::regclass,
                    r.oid
                FROM pg_rewrite AS r
                WHERE r.ev_class = t.oid
                UNION ALL
                SELECT
                    'pg_constraint'::regclass,
                    c.oid
                FROM pg_constraint AS c
                WHERE c.conrelid = t.oid
                UNION ALL
                SELECT
                    'pg_attrdef'::regclass,
                    f.oid
                FROM pg_attrdef AS f
                WHERE f.adrelid = t.oid
                UNION ALL
                SELECT
                    'pg_class'::regclass,
                    i.indexrelid
                FROM pg_index AS i
                WHERE i.indrelid = t.oid
                UNION ALL
                SELECT
                    'pg_statistic_ext'::regclass,
                    s.oid
                FROM pg_statistic_ext AS s
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
                FROM pg_attribute AS z
                WHERE z.attrelid = to_regclass('tenancy_archive.customer_shop_profiles')
                    AND z.attname = a.attname
                    AND NOT z.attisdropped
            )
    )

    SELECT
        CASE
            WHEN NOT EXISTS (SELECT FROM profiles) THEN 'absent'
            WHEN EXISTS (SELECT FROM found AS f WHERE f.is_refused AND f.finding IS NOT NULL) THEN 'refused'
            WHEN current_setting('tenancy.adopt', TRUE) = 'yes' OR to_regclass('tenancy.customer_shop_profiles') IS NOT NULL
                THEN 'agreed' -- or begun
            ELSE 'asked'
        END AS state,
        (
            SELECT regexp_replace(coalesce(string_agg(f.finding, '; ' ORDER BY f.position, f.finding), ''), '[^ -~]', '?', 'g')
            FROM found AS f
            WHERE f.is_refused OR NOT EXISTS (SELECT FROM found AS r WHERE r.is_refused AND r.finding IS NOT NULL)
        ) AS findings,
        ARRAY(SELECT i.oid FROM judged_index AS i WHERE i.is_kept ORDER BY i.name)::text AS kept_indexes, -- noqa: CP03
        ARRAY(SELECT c.oid FROM own_constraint AS c WHERE c.is_kept ORDER BY c.conname)::text AS kept_checks -- noqa: CP03
    INTO STRICT adoption;

    IF current_setting('tenancy.adopt', TRUE) NOT IN ('', 'yes', 'no') THEN
        refusal := format('adopt is "%s": yes, or leave it out', current_setting('tenancy.adopt', TRUE));
    ELSIF adoption.state = 'refused' THEN
        refusal := format(
            'table public.customer_shop_profiles exists, and this plan did not make it. It cannot be taken over: %s. Put that right, or '
            'rename or drop the table', adoption.findings
        );
    ELSIF adoption.state = 'asked' THEN
        BEGIN
            SELECT string_agg(format('%s in shop %s', s.profiles, s.shop_id), ', ' ORDER BY s.shop_id)
            INTO rows_found
            FROM (SELECT p.shop_id, count(*) AS profiles FROM public.customer_shop_profiles AS p GROUP BY p.shop_id) AS s;
        EXCEPTION
            WHEN insufficient_privilege OR lock_not_available THEN
                rows_found := 'not known, ' || SQLERRM;
        END;
        refusal := format(
            'table public.customer_shop_profiles exists, and this plan did not make it. To take it over, run sqitch deploy '
            '--set adopt=yes (docs/phase-1.md says what that does). It has profiles: %s. Other than in ADR-0001: %s',
            coalesce(rows_found, 'none'), coalesce(nullif(adoption.findings, ''), 'nothing')
        );
    END IF;
    PERFORM set_config('tenancy.adoption', jsonb_build_object(
        'state', adoption.state,
        'refusal', refusal,
        'kept_indexes', adoption.kept_indexes,
        'kept_checks', adoption.kept_checks
    )::text, TRUE);
END;
$adoption$;

\if :{?looks_at_profiles}

DO $$
DECLARE
    refusal CONSTANT text := current_setting('tenancy.adoption')::jsonb ->> 'refusal';
BEGIN
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '%', refusal
            USING ERRCODE = 'duplicate_object';
    END IF;
END;
$$;

SELECT
    a.value ->> 'kept_indexes' AS kept_indexes,
    a.value ->> 'kept_checks' AS kept_checks
FROM (SELECT current_setting('tenancy.adoption')::jsonb AS value) AS a \gset

\unset looks_at_profiles

\else

-- convo-tenancy preflight runs this block, too, in a transaction that only reads. It leaves what it found in tenancy.preconditions: a row
-- a check, with its name, its status (ok, warning or critical, which refuses) and what to do. Its arguments are settings:
-- tenancy.default_shop_id, and tenancy.target_phase, the phase to get to; empty for the next one, which a script deploys.
DO $preconditions$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
DECLARE
    target_phase integer := nullif(current_setting('tenancy.target_phase', TRUE), '');
    is_script CONSTANT boolean NOT NULL := target_phase IS NULL;
    wanted_shop CONSTANT text NOT NULL := coalesce(nullif(current_setting('tenancy.default_shop_id', TRUE), ''), '1');
    owner CONSTANT oid := (SELECT t.relowner FROM pg_class AS t WHERE t.oid = to_regclass('public.customers'));
    owner_name CONSTANT name := pg_get_userbyid(owner);
    is_strange CONSTANT boolean NOT NULL := EXISTS (
        SELECT
        FROM pg_namespace AS n
        WHERE n.nspname = 'tenancy'
            AND n.nspowner <> owner
    );
    -- What stands in a schema of somebody else's would run with our rights.
    is_deployed CONSTANT boolean NOT NULL := NOT is_strange AND EXISTS (
        SELECT
        FROM pg_class AS t
        WHERE t.oid = to_regclass('tenancy.changes')
            AND t.relkind = 'r'
            AND t.relowner = owner
    );
    has_legacy_side CONSTANT boolean NOT NULL := NOT EXISTS (
        SELECT
        FROM pg_proc AS p
        WHERE p.oid = to_regprocedure('tenancy.has_legacy_side()')
            AND pg_get_function_sqlbody(p.oid) = 'RETURN false'
    );
    has_roles boolean NOT NULL := FALSE;
    own_policies text[] NOT NULL := '{}';
    shop_problem text;
    shop_status text NOT NULL := 'critical';
    checks jsonb;
BEGIN
    -- The catalogs of older ones lack what is asked below.
    IF current_setting('server_version_num')::integer < 150000 THEN
        PERFORM set_config('tenancy.preconditions', jsonb_build_array(jsonb_build_object(
            'name', 'server_version',
            'status', 'critical',
            'detail', format('PostgreSQL %s is too old: upgrade to 15 or later', current_setting('server_version'))
        ))::text, TRUE);
        RETURN;
    END IF;

    IF is_deployed THEN
        SELECT
            coalesce(bool_or(c.change = 'isolation/roles' AND c.state = 'standing'), FALSE),
            coalesce(target_phase, least(count(c.tag) FILTER (WHERE c.state = 'standing') + 1, 3))
        INTO STRICT
            has_roles,
            target_phase
        FROM tenancy.changes AS c;
        IF to_regclass('tenancy.deployed_parts') IS NOT NULL THEN
            own_policies := ARRAY(
                SELECT d.name
                FROM tenancy.deployed_parts AS d
                WHERE d.kind = 'policy'
                    AND d.is_there
            );
        END IF;
    ELSIF wanted_shop !~ '^[0-9]{1,10}$' OR wanted_shop::bigint > 2147483647 THEN
        shop_problem := format(
            'default_shop_id is "%s", not the id of a shop: use sqitch deploy --set default_shop_id=N', wanted_shop
        );
    ELSIF EXISTS (SELECT FROM pg_class AS t WHERE t.oid = to_regclass('public.shops') AND t.relkind = 'r') THEN
        BEGIN
            SELECT format(
                'shop %s, the default shop, is not in public.shops: create it, or name another: '
                'sqitch deploy --set default_shop_id=N', wanted_shop
            )
            INTO shop_problem
            WHERE NOT EXISTS (SELECT FROM public.shops AS s WHERE s.id = wanted_shop::bigint);
        EXCEPTION
            WHEN undefined_column OR undefined_function THEN
                NULL; -- said below of its columns
            WHEN insufficient_privilege THEN
                shop_status := CASE WHEN is_script THEN 'critical' ELSE 'warning' END; -- who only looks need not be who deploys
                shop_problem := format(
                    'role %I may not read public.shops, so the default shop, %s, is not checked: '
                    'GRANT SELECT ON public.shops TO %I',
                    current_user, wanted_shop, current_user
                );
            WHEN lock_not_available THEN
                shop_problem := format(
                    'public.shops is locked (pid %s), so the default shop, %s, is not checked: wait for it, or end it with '
                    'pg_terminate_backend, then run the same again',
                    (
                        SELECT coalesce(string_agg(DISTINCT l.pid::text, ', '), 'of a session that has ended')
                        FROM pg_locks AS l
                        WHERE l.relation = to_regclass('public.shops')
                            AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                            AND l.mode = 'AccessExclusiveLock'
                            AND l.granted
                    ), wanted_shop
                );
        END;
    END IF;

    -- The tables and columns of the legacy schema that the plan names. nulls: whether NULL must be taken (or not: no). A column that each
    -- INSERT into its table gives, or that a change gives a default, has use "insert"; one that is updated alone has "update".
    WITH legacy (position, table_name, column_name, type, nulls, use) AS (
        SELECT
            row_number() OVER (),
            v.*
        FROM (
            VALUES
                ('shops', 'id', 'integer', 'no', 'read'),
                ('shops', 'name', NULL, NULL, 'read'),
                ('shops', 'created_at', NULL, NULL, 'read'),
                ('stylists', 'id', 'integer', 'no', 'read'),
                ('stylists', 'shop_id', 'integer', 'no', 'read'),
                ('stylists', 'name', NULL, NULL, 'read'),
                ('stylists', 'work_start', NULL, NULL, 'read'),
                ('stylists', 'work_end', NULL, NULL, 'read'),
                ('stylists', 'active', NULL, NULL, 'read'),
                ('stylists', 'created_at', NULL, NULL, 'read'),
                ('services', 'id', 'integer', 'no', 'read'),
                ('services', 'shop_id', 'integer', 'no', 'read'),
                ('services', 'name', NULL, NULL, 'read'),
                ('services', 'duration_minutes', NULL, NULL, 'read'),
                ('services', 'price_cents', 'integer', 'no', 'read'),
                ('services', 'created_at', NULL, NULL, 'read'),
                ('bookings', 'id', 'uuid', 'no', 'read'),
                ('bookings', 'shop_id', 'integer', 'no', 'read'),
                ('bookings', 'service_id', 'integer', 'no', 'read'),
                ('bookings', 'secondary_service_id', 'integer', NULL, 'read'),
                ('bookings', 'stylist_id', 'integer', 'no', 'read'),
                ('bookings', 'customer_name', NULL, NULL, 'read'),
                ('bookings', 'customer_email', 'character varying(255)', NULL, 'read'),
                ('bookings', 'customer_phone', 'character varying(32)', NULL, 'read'),
                ('bookings', 'preferred_style_text', NULL, NULL, 'read'),
                ('bookings', 'preferred_style_image_url', NULL, NULL, 'read'),
                ('bookings', 'promo_id', NULL, NULL, 'read'),
                ('bookings', 'discount_cents', NULL, NULL, 'read'),
                ('bookings', 'start_at_utc', 'timestamp with time zone', 'no', 'read'),
                ('bookings', 'end_at_utc', 'timestamp with time zone', NULL, 'read'),
                ('bookings', 'status', 'bookingstatus', 'no', 'read'),
                ('bookings', 'hold_expires_at_utc', 'timestamp with time zone', NULL, 'read'),
                ('bookings', 'sms_sent_at_utc', 'timestamp with time zone', NULL, 'read'),
                ('bookings', 'appointment_status', 'appointmentstatus', 'no', 'read'),
                ('bookings', 'appointment_status_updated_at_utc', 'timestamp with time zone', NULL, 'read'),
                ('bookings', 'acknowledged_at_utc', 'timestamp with time zone', NULL, 'read'),
                ('bookings', 'internal_notes', NULL, NULL, 'read'),
                ('bookings', 'created_at', 'timestamp with time zone', 'no', 'read'),
                ('bookings', 'updated_at', 'timestamp with time zone', NULL, 'read'),
                ('customers', 'id', 'integer', 'no', 'read'),
                ('customers', 'email', 'character varying(255)', 'yes', 'insert'),
                ('customers', 'phone', 'character varying(32)', 'yes', 'insert'),
                ('customers', 'name', 'character varying(255)', 'yes', 'insert'),
                ('customers', 'preferred_stylist_id', 'integer', 'yes', 'update'),
                ('customers', 'average_spend_cents', 'integer', 'no', 'insert'),
                ('customers', 'no_show_count', 'integer', 'no', 'insert'),
                ('customers', 'created_at', NULL, NULL, 'read'),
                ('customers', 'updated_at', NULL, NULL, 'update'),
                ('customer_booking_stats', 'customer_id', 'integer', 'no', 'insert'),
                ('customer_booking_stats', 'total_bookings', 'integer', 'no', 'insert'),
                ('customer_booking_stats', 'total_spend_cents', 'integer', 'no', 'insert'),
                ('customer_booking_stats', 'last_booking_at', 'timestamp with time zone', 'yes', 'update'),
                ('customer_booking_stats', 'created_at', NULL, NULL, 'read'),
                ('customer_booking_stats', 'updated_at', NULL, NULL, 'update'),
                ('customer_stylist_preferences', 'customer_id', 'integer', 'no', 'insert'),
                ('customer_stylist_preferences', 'stylist_id', 'integer', 'no', 'insert'),
                ('customer_stylist_preferences', 'booking_count', 'integer', 'no', 'insert'),
                ('customer_stylist_preferences', 'created_at', NULL, NULL, 'read'),
                ('customer_stylist_preferences', 'updated_at', NULL, NULL, 'update'),
                ('customer_service_preferences', 'customer_id', 'integer', 'no', 'insert'),
                ('customer_service_preferences', 'service_id', 'integer', 'no', 'insert'),
                ('customer_service_preferences', 'preferred_style_text', NULL, 'yes', 'insert'),
                ('customer_service_preferences', 'preferred_style_image_url', NULL, 'yes', 'insert'),
                ('customer_service_preferences', 'updated_at_utc', NULL, NULL, 'update')
        ) AS v
        WHERE has_legacy_side
            OR v.column1 <> 'customer_booking_stats'
            AND v.column2 NOT IN ('preferred_stylist_id', 'average_spend_cents', 'no_show_count')
    ),

    legacy_table AS (
        SELECT
            l.table_name,
            min(l.position) AS position,
            bool_or(l.use = 'insert') AS is_inserted,
            t.oid,
            t.relkind,
            t.relpersistence,
            t.reloftype,
            t.relowner,
            t.relrowsecurity,
            t.relforcerowsecurity
        FROM legacy AS l
        LEFT JOIN pg_class AS t
            ON t.relname = l.table_name
            AND t.relnamespace = to_regnamespace('public')
        GROUP BY
            l.table_name,
            t.oid
    ),

    -- Columns, with whether they take NULL
    found_column AS (
        SELECT
            t.table_name,
            t.is_inserted,
            a.attrelid,
            a.attname,
            a.attgenerated <> '' OR a.attidentity = 'a' AS is_generated,
            a.atthasdef OR a.attidentity <> '' OR y.typdefault IS NOT NULL AS has_default,
            a.attnotnull,
            (
                SELECT c.conname
                FROM pg_constraint AS c
                WHERE c.conrelid = t.oid
                    AND c.contype = 'n'
                    AND c.conkey = ARRAY[a.attnum]
                    AND NOT c.convalidated
            ) AS unproven, -- a NOT NULL that is NOT VALID, from PostgreSQL 18 on
            a.attnotnull OR y.typnotnull OR EXISTS (
                SELECT
                FROM pg_constraint AS c
                WHERE c.contype = 'c'
                    AND ((c.conrelid = t.oid AND c.conkey = ARRAY[a.attnum]) OR c.contypid = y.oid)
                    AND pg_get_constraintdef(c.oid) ~ 'IS NOT NULL'
            ) AS refuses_null,
            format_type(a.atttypid, a.atttypmod) AS type
        FROM legacy_table AS t
        JOIN pg_attribute AS a
            ON a.attrelid = t.oid
            AND a.attnum > 0
            AND NOT a.attisdropped
        JOIN pg_type AS y ON y.oid = a.atttypid
    ),

    -- Of the users, and fired by what the plan does
    others_trigger AS (
        SELECT
            t.table_name,
            g.tgname,
            g.tgtype,
            g.tgfoid
        FROM legacy_table AS t
        JOIN pg_trigger AS g ON g.tgrelid = t.oid
        JOIN pg_proc AS p ON p.oid = g.tgfoid
        WHERE NOT g.tgisinternal
            AND g.tgenabled <> 'D'
            AND p.pronamespace IS DISTINCT FROM to_regnamespace('tenancy')
    ),

    problem (name, status, position, detail) AS (
        -- Ours, for one transaction: set for longer, they would switch the mirrors off.
        SELECT
            'session' AS name,
            'critical' AS status,
            1 AS position,
            'tenancy.mirroring or tenancy.confirmed is set for the role, the database or the session: '
            'ALTER ROLE or ALTER DATABASE ... RESET it' AS detail
        WHERE current_setting('tenancy.mirroring', TRUE) <> ''
            OR current_setting('tenancy.confirmed', TRUE) <> ''
        UNION ALL
        SELECT
            'session',
            'critical',
            0,
            'you use a pooler in transaction mode: connect directly, or to a pool in session mode. docs/support.md#poolers says '
            'how to clean up'
        WHERE is_script
            AND EXISTS (
                SELECT
                FROM pg_locks AS l
                WHERE l.pid = pg_backend_pid()
                    AND l.locktype = 'advisory'
                    AND l.objsubid = 2
                    AND l.classid::bigint = 1129270870
            )
        UNION ALL
        SELECT
            'session',
            'critical',
            2,
            format(
                'session_replication_role is %s, so triggers and foreign keys would not work: '
                'ALTER ROLE or ALTER DATABASE ... RESET session_replication_role', current_setting('session_replication_role')
            )
        WHERE current_setting('session_replication_role') <> 'origin'
        UNION ALL
        -- By which emails get their lower case (api/customer_identity): not every server has ICU, nor ICU every encoding.
        SELECT
            'letters',
            'warning',
            1,
            format(
                'collation "und-x-icu" does not exist for encoding %s, so only A to Z of an email become lower case: '
                'use a database in UTF8, on a server with ICU',
                current_setting('server_encoding')
            )
        WHERE to_regcollation('pg_catalog."und-x-icu"') IS NULL
        UNION ALL
        -- Sqitch sits idle in transaction while a script runs. Ended after the script committed and before it was registered, it would
        -- leave a change that stands and is not registered. As a session begins: this one may have set them otherwise.
        SELECT
            'timeouts',
            'critical',
            1,
            format(
                '%s: run PGOPTIONS=''%s'' sqitch deploy ...',
                string_agg(
                    format(
                        '%s is %s',
                        s.name,
                        CASE
                            WHEN s.milliseconds % 60000 = 0 THEN s.milliseconds / 60000 || 'min'
                            WHEN s.milliseconds % 1000 = 0 THEN s.milliseconds / 1000 || 's'
                            ELSE s.milliseconds || 'ms'
                        END
                    ),
                    ', ' ORDER BY s.name
                ),
                string_agg(format('-c %s=0', s.name), ' ' ORDER BY s.name)
            )
        FROM (
            SELECT
                g.name,
                g.reset_val::bigint AS milliseconds
            FROM pg_settings AS g
            WHERE g.name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
        ) AS s
        WHERE s.milliseconds <> 0
        HAVING count(*) > 0
        UNION ALL
        SELECT
            'schemas',
            'critical',
            1,
            s.detail
        FROM (
            SELECT
                CASE
                    WHEN is_strange THEN
                        'schema tenancy and public.customers have different owners. If the tables have a new owner, '
                        'give it everything of this project (docs/support.md#refused); else rename the schema'
                    WHEN is_deployed THEN NULL
                    WHEN to_regclass('tenancy.backfill_progress') IS NOT NULL THEN
                        'schema tenancy was deployed from an older plan: revert it with the checkout that it was deployed from'
                    WHEN to_regnamespace('tenancy') IS NOT NULL THEN
                        'schema tenancy exists, and this plan did not make it: rename or drop it'
                END AS detail
        ) AS s
        WHERE s.detail IS NOT NULL
        UNION ALL
        SELECT
            'schemas',
            CASE WHEN is_script OR a.adoption ->> 'state' = 'refused' THEN 'critical' ELSE 'warning' END,
            3,
            a.adoption ->> 'refusal'
        FROM (SELECT nullif(current_setting('tenancy.adoption', TRUE), '')::jsonb AS adoption) AS a
        WHERE NOT is_deployed
            AND a.adoption ->> 'refusal' IS NOT NULL
        UNION ALL
        SELECT
            'schemas',
            'critical',
            2,
            'schema tenancy_archive and public.customers have different owners. If the tables have a new owner, '
            'give it everything of this project (docs/support.md#refused); else rename the schema'
        FROM pg_namespace AS n
        WHERE n.nspname = 'tenancy_archive'
            AND n.nspowner <> owner
        UNION ALL
        SELECT
            'legacy_schema',
            'critical',
            0,
            format(
                'database "%s" does not have the legacy schema: %s', current_database(),
                string_agg(p.problem, '; ' ORDER BY p.position)
            )
        FROM (
            SELECT
                f.problem,
                min(f.position) AS position
            FROM (
                SELECT
                    l.position,
                    CASE
                        WHEN t.oid IS NULL THEN format('table public.%s is missing', l.table_name)
                        WHEN t.relkind <> 'r' THEN format('public.%s is not an ordinary table', l.table_name)
                        WHEN t.relpersistence <> 'p' THEN
                            format('table public.%s is unlogged: ALTER TABLE public.%s SET LOGGED', l.table_name, l.table_name)
                        WHEN t.reloftype <> 0 THEN
                            format('table public.%s has a type: ALTER TABLE public.%s NOT OF', l.table_name, l.table_name)
                        WHEN f.attname IS NULL THEN format('column public.%s.%s is missing', l.table_name, l.column_name)
                        WHEN regexp_replace(f.type, '^public\.', '') <> l.type THEN
                            format('column public.%s.%s is %s, expected %s', l.table_name, l.column_name, f.type, l.type)
                        WHEN l.nulls = 'no' AND NOT f.attnotnull THEN
                            format('column public.%s.%s lacks NOT NULL', l.table_name, l.column_name)
                        WHEN l.nulls = 'no' AND f.unproven IS NOT NULL THEN
                            format(
                                'column public.%s.%s has a NOT NULL that is NOT VALID: ALTER TABLE public.%s VALIDATE CONSTRAINT %I',
                                l.table_name, l.column_name, l.table_name, f.unproven
                            )
                        WHEN l.nulls = 'yes' AND f.refuses_null THEN
                            format(
                                'column public.%s.%s must take NULL: ALTER TABLE public.%s ALTER COLUMN %s DROP NOT NULL',
                                l.table_name, l.column_name, l.table_name, l.column_name
                            )
                        WHEN l.use <> 'read' AND f.is_generated THEN
                            format(
                                'column public.%s.%s is generated, but this project writes it: '
                                'ALTER TABLE public.%s ALTER COLUMN %s DROP EXPRESSION, or SET GENERATED BY DEFAULT',
                                l.table_name, l.column_name, l.table_name, l.column_name
                            )
                    END AS problem
                FROM legacy AS l
                JOIN legacy_table AS t ON t.table_name = l.table_name
                LEFT JOIN found_column AS f
                    ON f.table_name = l.table_name
                    AND f.attname = l.column_name
                UNION ALL
                SELECT
                    1000,
                    format('type public.%s lacks the value %s', v.type_name, v.label)
                FROM (VALUES ('bookingstatus', 'CONFIRMED'), ('appointmentstatus', 'NO_SHOW')) AS v (type_name, label)
                JOIN pg_type AS y
                    ON y.typname = v.type_name
                    AND y.typnamespace = to_regnamespace('public')
                WHERE NOT EXISTS (
                    SELECT
                    FROM pg_enum AS e
                    WHERE e.enumtypid = y.oid
                        AND e.enumlabel = v.label
                )
            ) AS f
            WHERE f.problem IS NOT NULL
            GROUP BY f.problem
        ) AS p
        HAVING count(*) > 0
        UNION ALL
        -- What an INSERT here leaves out, NULL comes into, unless a trigger of theirs sees to it.
        SELECT
            'inserts',
            CASE
                WHEN EXISTS (
                    SELECT
                    FROM others_trigger AS g
                    WHERE g.table_name = f.table_name
                        AND g.tgtype & 7 = 7 -- BEFORE INSERT, for each row
                ) THEN 'warning'
                ELSE 'critical'
            END,
            row_number() OVER (ORDER BY f.table_name, f.attname),
            format(
                'column public.%I.%I is NOT NULL without a default, and this project inserts rows without it: '
                'ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT ..., or DROP NOT NULL',
                f.table_name, f.attname, f.table_name, f.attname
            )
        FROM found_column AS f
        WHERE f.is_inserted
            AND f.refuses_null
            AND NOT f.has_default
            AND NOT EXISTS (
                SELECT
                FROM legacy AS l
                WHERE l.table_name = f.table_name
                    AND l.column_name = f.attname
                    AND l.use = 'insert'
            )
        UNION ALL
        SELECT
            'inserts',
            'critical',
            1000 + row_number() OVER (ORDER BY s.oid::regclass::text),
            format(
                'the owner of the legacy tables may not use sequence %s, from which public.%I.%I draws: '
                'GRANT USAGE ON SEQUENCE %s TO %I',
                s.oid::regclass, f.table_name, f.attname, s.oid::regclass, owner_name
            )
        FROM found_column AS f
        JOIN pg_attribute AS a
            ON a.attrelid = f.attrelid
            AND a.attname = f.attname
        JOIN pg_attrdef AS d
            ON d.adrelid = a.attrelid
            AND d.adnum = a.attnum
        JOIN pg_depend AS p
            ON p.classid = 'pg_attrdef'::regclass
            AND p.objid = d.oid
            AND p.refclassid = 'pg_class'::regclass
        JOIN pg_class AS s
            ON s.oid = p.refobjid
            AND s.relkind = 'S'
        WHERE f.is_inserted
            AND NOT CASE WHEN s.relkind = 'S' THEN has_sequence_privilege(owner, s.oid, 'USAGE, UPDATE') END
        UNION ALL
        SELECT
            'inserts',
            'critical',
            2000 + row_number() OVER (ORDER BY t.position, r.rulename),
            format(
                'rule %I on public.%s prevents ON CONFLICT: DROP RULE %I ON public.%s',
                r.rulename, t.table_name, r.rulename, t.table_name
            )
        FROM legacy_table AS t
        JOIN pg_rewrite AS r ON r.ev_class = t.oid
        WHERE t.is_inserted
            AND t.relkind = 'r'
            AND r.ev_type IN ('2', '3') -- UPDATE and INSERT
        UNION ALL
        -- The legacy schema has no CHECK. What it says, nobody but its author knows.
        SELECT
            'checks',
            'warning',
            row_number() OVER (ORDER BY t.position, c.conname),
            format(
                'constraint %I on public.%s (%s): see that it accepts a row without bookings, and the defaults of columns that the '
                'legacy schema does not have', c.conname, t.table_name, pg_get_constraintdef(c.oid)
            )
        FROM legacy_table AS t
        JOIN pg_constraint AS c
            ON c.conrelid = t.oid
            AND c.contype = 'c'
        WHERE t.is_inserted
            AND c.conname <> 'customers_restored_check' -- ours, while the contract is taken back
        UNION ALL
        -- Keys that the profiles and their foreign keys stand on, and indexes without which a batch would read a whole table.
        SELECT
            'indexes',
            'critical',
            n.position,
            format(
                'public.%s needs %s on (%s): CREATE%s INDEX CONCURRENTLY ON public.%s (%s)',
                n.table_name, CASE WHEN n.is_unique THEN 'a unique index' ELSE 'an index' END, n.column_name,
                CASE WHEN n.is_unique THEN ' UNIQUE' ELSE '' END, n.table_name, n.column_name
            )
        FROM (
            VALUES
                (1, 'shops', 'id', TRUE),
                (2, 'stylists', 'id', TRUE),
                (3, 'services', 'id', TRUE),
                (4, 'bookings', 'id', TRUE),
                (5, 'customers', 'id', TRUE),
                (6, 'customers', 'email', TRUE),
                (7, 'customer_booking_stats', 'customer_id', TRUE),
                (8, 'customers', 'phone', FALSE),
                (9, 'bookings', 'customer_phone', FALSE),
                (10, 'bookings', 'customer_email', FALSE),
                (11, 'customer_stylist_preferences', 'customer_id', FALSE)
        ) AS n (position, table_name, column_name, is_unique)
        JOIN found_column AS f
            ON f.table_name = n.table_name
            AND f.attname = n.column_name
        WHERE NOT EXISTS (
            SELECT
            FROM pg_index AS i
            JOIN pg_class AS x ON x.oid = i.indexrelid
            JOIN pg_am AS m ON m.oid = x.relam
            JOIN pg_attribute AS a
                ON a.attrelid = i.indrelid
                AND a.attnum = i.indkey[0]
            WHERE i.indrelid = f.attrelid
                AND a.attname = n.column_name
                AND m.amname IN ('btree', 'hash')
                AND i.indisvalid
                AND i.indpred IS NULL
                -- A key that is checked late is none to refer to; and two customers without an email are no conflict.
                AND (NOT n.is_unique OR (i.indisunique AND i.indnkeyatts = 1 AND i.indimmediate AND NOT i.indnullsnotdistinct))
        )
        UNION ALL
        SELECT
            'indexes',
            'critical',
            12,
            'public.customer_stylist_preferences needs the constraint uq_customer_stylist_preference UNIQUE (customer_id, stylist_id), '
            'not deferrable: ALTER TABLE public.customer_stylist_preferences ADD CONSTRAINT uq_customer_stylist_preference '
            'UNIQUE (customer_id, stylist_id), or UNIQUE USING INDEX ...'
        FROM legacy_table AS t
        WHERE t.table_name = 'customer_stylist_preferences'
            AND t.relkind = 'r'
            AND NOT EXISTS (
                SELECT
                FROM pg_constraint AS c
                WHERE c.conrelid = t.oid
                    AND c.conname = 'uq_customer_stylist_preference'
                    AND c.contype = 'u'
                    AND NOT c.condeferrable
                    AND 'customer_id, stylist_id' = (
                        SELECT string_agg(a.attname, ', ' ORDER BY a.attname)
                        FROM pg_attribute AS a
                        WHERE a.attrelid = c.conrelid
                            AND a.attnum = ANY (c.conkey) -- noqa: CP03,LT01,LT06
                    )
            )
        UNION ALL
        SELECT
            'inheritance',
            'critical',
            row_number() OVER (ORDER BY h.inhrelid::regclass::text),
            format(
                'table %s inherits from %s: ALTER TABLE %s NO INHERIT %s',
                h.inhrelid::regclass, h.inhparent::regclass, h.inhrelid::regclass, h.inhparent::regclass
            )
        FROM pg_inherits AS h
        WHERE EXISTS (
            SELECT
            FROM legacy_table AS t
            WHERE t.relkind = 'r'
                AND t.oid IN (h.inhrelid, h.inhparent)
        )
        UNION ALL
        SELECT
            'row_security',
            'critical',
            1,
            format(
                'row-level security is already on: %s. This project''s policies would show rows that yours hide: '
                'see docs/isolation.md',
                string_agg('public.' || t.table_name, ', ' ORDER BY t.table_name)
            )
        FROM legacy_table AS t
        WHERE t.relrowsecurity
            AND t.table_name NOT IN ('shops', 'customer_booking_stats') -- which get no policies
            AND format('of_the_shop on public.%s', t.table_name) <> ALL (own_policies) -- noqa: CP03,LT01,LT06
        HAVING count(*) > 0
        UNION ALL
        SELECT
            'row_security',
            'critical',
            1 + t.position,
            format(
                'row-level security of public.%s is forced on its owner, and the mirrors write as the owner: '
                'ALTER TABLE public.%s NO FORCE ROW LEVEL SECURITY', t.table_name, t.table_name
            )
        FROM legacy_table AS t
        WHERE t.relforcerowsecurity
        UNION ALL
        -- What is made here would take the place of what has the same name.
        SELECT
            'names',
            'critical',
            row_number() OVER (ORDER BY g.table_name, g.tgname),
            format(
                'trigger %I on public.%s has a name that this project needs: ALTER TRIGGER %I ON public.%s RENAME TO ...',
                g.tgname, g.table_name, g.tgname, g.table_name
            )
        FROM others_trigger AS g
        WHERE g.tgname IN (
            'catch_up_booking', 'catch_up_new_booking', 'confirm_booking', 'confirm_new_booking', 'forget_customers',
            'mark_unproven_booking', 'mirror_customer_to_profiles', 'mirror_new_customer_to_profiles', 'mirror_statistics_to_profiles',
            'mirror_stylist_preference_to_profile', 'refuse_truncate', 'shop_changes_id', 'shop_closes', 'shops_truncated',
            'stylist_arrives', 'stylist_leaves', 'track_customer', 'track_customer_id', 'track_gone_stylist', 'track_statistics',
            'track_stylist'
        )
        UNION ALL
        SELECT
            'names',
            'critical',
            1000 + row_number() OVER (ORDER BY t.table_name, p.polname),
            format(
                'policy %I on public.%s has a name that this project needs: ALTER POLICY %I ON public.%s RENAME TO ...',
                p.polname, t.table_name, p.polname, t.table_name
            )
        FROM legacy_table AS t
        JOIN pg_policy AS p ON p.polrelid = t.oid
        WHERE p.polname IN ('as_before', 'of_the_shop')
            AND format('%I on public.%s', p.polname, t.table_name) <> ALL (own_policies) -- noqa: CP03,LT01,LT06
        UNION ALL
        SELECT
            'names',
            'critical',
            2000 + row_number() OVER (ORDER BY c.relname),
            format('public.%I has the name of an index or sequence of this project: rename it', c.relname)
        FROM pg_class AS c
        WHERE c.relnamespace = to_regnamespace('public')
            AND CASE
                WHEN c.relname = 'stylists_id_shop_id_key' THEN NOT EXISTS (
                    SELECT
                    FROM pg_index AS i
                    WHERE i.indexrelid = c.oid
                        AND i.indrelid = to_regclass('public.stylists')
                )
                ELSE to_regclass('public.customer_shop_profiles') IS NULL
                    AND c.relname IN (
                        'customer_shop_profiles_id_seq', 'customer_shop_profiles_pkey', 'idx_customer_shop_profiles_customer',
                        'idx_customer_shop_profiles_shop', 'uq_customer_shop_profile'
                    )
            END
        UNION ALL
        SELECT
            'triggers',
            'warning',
            row_number() OVER (ORDER BY g.table_name, g.tgname),
            format(
                'trigger %I on public.%s (%s): its writes while a mirror writes are not mirrored: '
                'see the limits in docs/phase-2.md',
                g.tgname, g.table_name, g.tgfoid::regproc
            )
        FROM others_trigger AS g
        WHERE g.table_name IN ('customers', 'customer_booking_stats', 'customer_stylist_preferences')
            OR (g.table_name = 'bookings' AND g.tgtype & 2 <> 0) -- BEFORE
        UNION ALL
        -- What is ours belongs to the owner of the legacy tables.
        SELECT
            'owner',
            'critical',
            1,
            format(
                'the legacy tables have several owners: give them one (ALTER TABLE ... OWNER TO ...): %s',
                string_agg(format('%s of %I', t.table_name, pg_get_userbyid(t.relowner)), ', ' ORDER BY t.position)
            )
        FROM legacy_table AS t
        WHERE t.relkind = 'r'
        HAVING count(DISTINCT t.relowner) > 1
        UNION ALL
        SELECT
            'owner',
            'critical',
            1 + r.position,
            format('the owner of the legacy tables may not %s: GRANT %s ON SCHEMA public TO %I', r.deed, r.privilege, owner_name)
        FROM (
            VALUES (1, 'USAGE', 'use schema public'), (2, 'CREATE', 'create tables')
        ) AS r (position, privilege, deed)
        WHERE owner IS NOT NULL
            AND NOT has_schema_privilege(owner, 'public', r.privilege)
        UNION ALL
        SELECT
            'deployer',
            d.status,
            1,
            d.detail
        FROM (
            SELECT
                CASE
                    WHEN is_script OR pg_has_role(current_user, owner, 'USAGE') THEN 'critical'
                    ELSE 'warning' -- who only looks need not be who deploys
                END AS status,
                CASE
                    WHEN NOT pg_has_role(current_user, owner, 'USAGE') THEN format(
                        'role %I is not the owner of the legacy tables and does not inherit its rights: deploy as %I',
                        current_user, owner_name
                    )
                    -- Two rights of a member from PostgreSQL 16 on
                    WHEN NOT pg_has_role(
                        current_user, owner,
                        CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END
                    ) THEN format(
                        'role %I may not take the role of the owner of the legacy tables: GRANT %I TO %I WITH SET TRUE',
                        current_user, owner_name, current_user
                    )
                    WHEN NOT has_database_privilege(current_user, current_database(), 'CREATE') THEN format(
                        'role %I may not create schemas: GRANT CREATE ON DATABASE %I TO %I', current_user, current_database(), current_user
                    )
                END AS detail
            WHERE owner IS NOT NULL
        ) AS d
        WHERE d.detail IS NOT NULL
        UNION ALL
        SELECT
            'roles',
            CASE
                WHEN target_phase < 2 OR NOT (is_script OR pg_has_role(current_user, owner, 'USAGE')) THEN 'warning'
                ELSE 'critical'
            END,
            1,
            format(
                'role %I may not create roles: have a superuser run "%s", then run the same again',
                session_user, string_agg(format('CREATE ROLE %s', w.role_name), '; ' ORDER BY w.role_name)
            )
        FROM (VALUES ('convo_shop'), ('convo_back_office'), ('convo_health')) AS w (role_name)
        WHERE to_regrole(w.role_name) IS NULL
            AND NOT has_roles
            AND NOT EXISTS (
                SELECT
                FROM pg_roles AS r
                WHERE r.rolname = session_user
                    AND (r.rolcreaterole OR r.rolsuper)
            )
        HAVING count(*) > 0
        UNION ALL
        SELECT
            'roles',
            CASE WHEN target_phase < 2 THEN 'warning' ELSE 'critical' END,
            1 + row_number() OVER (ORDER BY r.rolname),
            format(
                'role %s exists, but is not a plain group role: ALTER ROLE %s NOLOGIN NOSUPERUSER NOBYPASSRLS', r.rolname, r.rolname
            )
        FROM pg_roles AS r
        WHERE r.rolname IN ('convo_shop', 'convo_back_office', 'convo_health')
            AND (r.rolcanlogin OR r.rolsuper OR r.rolbypassrls)
            AND NOT has_roles
        UNION ALL
        SELECT
            'default_shop',
            shop_status,
            1,
            shop_problem
        WHERE shop_problem IS NOT NULL
        UNION ALL
        SELECT
            'transactions',
            'warning',
            row_number() OVER (ORDER BY a.xact_start),
            format(
                'pid %s, user %s, application %s, in transaction for %s min (%s): strong locks wait for what it holds; '
                'wait for it, or end it with SELECT pg_terminate_backend(%s)',
                a.pid, a.usename, coalesce(nullif(a.application_name, ''), '(none)'),
                floor(extract(EPOCH FROM clock_timestamp() - a.xact_start) / 60), a.state, a.pid
            )
        FROM pg_stat_activity AS a
        WHERE a.datname = current_database()
            AND a.backend_type = 'client backend'
            AND a.pid <> pg_backend_pid()
            AND a.xact_start < clock_timestamp() - interval '1 minute'
        UNION ALL
        SELECT
            'prepared',
            'warning',
            row_number() OVER (ORDER BY x.prepared),
            format(
                'transaction %L of role %s, prepared at %s, keeps its locks: COMMIT PREPARED %L, or ROLLBACK PREPARED %L',
                x.gid, x.owner, to_char(x.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), x.gid, x.gid
            )
        FROM pg_prepared_xacts AS x
        WHERE x.database = current_database()
    )

    SELECT
        jsonb_agg(
            jsonb_build_object(
                'name', c.name,
                'status', coalesce(p.status, 'ok'),
                'detail', coalesce(p.detail, c.fine)
            ) ORDER BY c.position
        )
    INTO checks
    FROM (
        VALUES
            (1, 'server_version', format('PostgreSQL %s', current_setting('server_version'))),
            (2, 'letters', 'ICU knows their lower case'),
            (3, 'session', 'no setting switches triggers off'),
            (4, 'timeouts', 'none ends a session of Sqitch'),
            (5, 'schemas', CASE WHEN is_deployed THEN 'tenancy is of this plan' ELSE 'nothing is where tenancy and tenancy_archive come' END),
            (6, 'legacy_schema', 'tables, columns and types are as expected'),
            (7, 'inserts', 'what is inserted here gives every column that needs a value'),
            (8, 'checks', 'no CHECK on what is written here'),
            (9, 'indexes', 'keys and indexes are there'),
            (10, 'inheritance', 'no parents, no children'),
            (11, 'row_security', 'off, or as it was made here'),
            (12, 'names', 'none is taken'),
            (13, 'triggers', 'none of others on the mirrored tables'),
            (14, 'owner', format('all tables are of %I', coalesce(owner_name, 'nobody'))),
            (15, 'deployer', format('role %I may deploy', current_user)),
            (16, 'roles', 'the group roles are there, or can be made'),
            (17, 'default_shop', CASE WHEN is_deployed THEN 'in tenancy.settings' ELSE format('shop %s', wanted_shop) END),
            (18, 'transactions', 'none is open for a minute'),
            (19, 'prepared', 'none')
    ) AS c (position, name, fine)
    LEFT JOIN (
        SELECT
            q.name,
            min(q.status) AS status, -- critical before warning
            regexp_replace(string_agg(q.detail, '; ' ORDER BY q.position), '[^ -~]', '?', 'g') AS detail -- names of others
        FROM problem AS q
        GROUP BY q.name
    ) AS p ON p.name = c.name
    WHERE c.position <= 6
        OR owner IS NOT NULL; -- of what is not there, nothing is known

    PERFORM set_config('tenancy.preconditions', checks::text, TRUE);
END;
$preconditions$;

DO $$
DECLARE
    found record;
    refused text;
BEGIN
    FOR found IN
        SELECT
            c.status,
            c.detail
        FROM jsonb_to_recordset(current_setting('tenancy.preconditions')::jsonb) AS c (status text, detail text)
    LOOP
        IF found.status = 'warning' THEN
            RAISE WARNING '%', found.detail;
        ELSIF found.status = 'critical' THEN
            refused := concat_ws('; ', refused, found.detail);
        END IF;
    END LOOP;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION '%', refused
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;

COMMIT;

\endif
