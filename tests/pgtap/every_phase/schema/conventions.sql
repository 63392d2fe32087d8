-- What holds for everything of ours, in every phase. It only looks.
--
-- Ours are: schema tenancy and all in it, public.customer_shop_profiles, and the triggers that run a function of tenancy.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(29);

-- Comments: psql's \d+ is the documentation that an operator has at hand.

SELECT isnt(obj_description('tenancy'::regnamespace, 'pg_namespace'), NULL, 'schema tenancy has a comment');

SELECT is_empty(
    $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    WHERE (c.relnamespace = 'tenancy'::regnamespace OR c.oid = 'public.customer_shop_profiles'::regclass)
        AND c.relkind IN ('r', 'p')
        AND obj_description(c.oid, 'pg_class') IS NULL
    $$,
    'every table has a comment'
);

SELECT is_empty(
    $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'tenancy'::regnamespace
        AND c.relkind IN ('v', 'm')
        AND obj_description(c.oid, 'pg_class') IS NULL
    $$,
    'every view has a comment'
);

SELECT is_empty(
    $$
    SELECT
        c.oid::regclass,
        a.attname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
    WHERE (c.relnamespace = 'tenancy'::regnamespace OR c.oid = 'public.customer_shop_profiles'::regclass)
        AND c.relkind IN ('r', 'p', 'v', 'm')
        AND a.attnum > 0
        AND NOT a.attisdropped
        AND col_description(c.oid, a.attnum) IS NULL
    $$,
    'every column of a table or view has a comment'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND obj_description(p.oid, 'pg_proc') IS NULL
    $$,
    'every function and procedure has a comment'
);

SELECT is_empty(
    $$
    SELECT
        t.tgrelid::regclass,
        t.tgname
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND NOT t.tgisinternal
        AND obj_description(t.oid, 'pg_trigger') IS NULL
    $$,
    'every trigger has a comment'
);

SELECT is_empty(
    $$
    SELECT d.name
    FROM tenancy.deployed_parts AS d
    WHERE d.kind = 'index'
        AND d.definition ~ ' ON public\.stylists '
        AND obj_description(d.name::regclass, 'pg_class') IS NULL
    $$,
    'an index on a table of the application has a comment that says what it is for'
);

-- Triggers: they fire for the application, and only for it.

SELECT is_empty(
    $$
    SELECT
        t.tgrelid::regclass,
        t.tgname
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND t.tgenabled <> 'O'
    $$,
    'no trigger is disabled, and none fires on a replica'
);

-- Functions: nobody's search_path can change what they mean.

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosqlbody IS NULL
        AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']
        AND NOT (p.prokind = 'p' AND p.prosrc ~ '\m(COMMIT|ROLLBACK);')
        AND p.oid <> 'tenancy.begin_batch()'::regprocedure -- which does it for those
    $$,
    'every function fixes search_path or has a body parsed at its creation; a procedure that commits cannot'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosrc ~ '\m(COMMIT|ROLLBACK);'
        AND (
            substring(p.prosrc FROM '\mBEGIN\s+([^;]+);') <> 'CALL tenancy.begin_batch()'
            OR regexp_count(p.prosrc, '\m(COMMIT|ROLLBACK);')
            <> regexp_count(p.prosrc, '\m(COMMIT|ROLLBACK);(\s*--[^\n]*)?\s+CALL tenancy\.begin_batch\(\);')
        )
    $$,
    'a procedure that commits calls begin_batch first, and after each COMMIT and ROLLBACK'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prokind = 'f'
        AND p.prosqlbody IS NOT NULL
        AND p.proconfig IS NULL
        AND p.proisstrict
    $$,
    'nothing keeps the planner from inlining a function without SET'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosecdef
        AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']
    $$,
    'every SECURITY DEFINER function fixes search_path'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prokind = 'p'
        AND p.prosrc ~ '\m(COMMIT|ROLLBACK);'
        AND (p.proconfig IS NOT NULL OR p.prosecdef)
    $$,
    'a procedure that commits has no SET and is SECURITY INVOKER: with either it could not commit'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosecdef
        AND p.prorettype <> 'trigger'::regtype
        AND pg_get_functiondef(p.oid) !~ 'tenancy\.is_restricted\(\)|\mis_restricted\M'
    $$,
    'a SECURITY DEFINER function is a trigger''s, or asks whether its caller is restricted to a shop'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosecdef
        AND l.lanname = 'sql'
    $$,
    'a SECURITY DEFINER function is not in SQL: it cannot be inlined, and would be planned in every call'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosecdef
        AND NOT p.proconfig @> ARRAY['plan_cache_mode=force_generic_plan', 'enable_seqscan=off', 'jit=off']
        AND p.proname NOT IN (
            'forget_customers', 'keep_watch', 'record_origins', 'record_parts', 'refuse_truncate', -- once a statement
            'catch_up_customer', -- a repair, whose generic plan would read whole tables
            'mirror_profiles_to_legacy', 'record_origin' -- as a rule they run no statement, and each SET costs each write
        )
    $$,
    'what runs for each row or call makes no plan each time, as a NULL would have it, and reads by indexes from the first day'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosrc ~* '\mreturning\M[^;]*\m(old|new)\.'
    $$,
    'no RETURNING names OLD or NEW of a trigger: from PostgreSQL 18 on they are those of the statement, too, and ambiguous'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prorettype = 'trigger'::regtype
        AND NOT p.prosecdef
    $$,
    'every trigger function is SECURITY DEFINER: the application has no rights on what is ours'
);

-- Rights: nobody gets any by default.

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND a.grantee = 0
    $$,
    'no function or procedure is executable by PUBLIC'
);

SELECT is_empty(
    $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE (c.relnamespace = 'tenancy'::regnamespace OR c.oid = 'public.customer_shop_profiles'::regclass)
        AND a.grantee = 0
    $$,
    'no table, view or sequence is open to PUBLIC'
);

SELECT is_empty(
    $$
    SELECT a.privilege_type
    FROM pg_catalog.pg_namespace AS n
    CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
    WHERE n.nspname = 'tenancy'
        AND a.grantee = 0
    $$,
    'schema tenancy is not open to PUBLIC'
);

-- Owner: that of the legacy tables, whoever deployed.

SELECT results_eq(
    $$SELECT n.nspowner FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'tenancy'$$,
    $$SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.customers'::regclass$$,
    'schema tenancy belongs to the owner of public.customers'
);

SELECT is_empty(
    $$
    SELECT
        c.oid::regclass,
        pg_get_userbyid(c.relowner)
    FROM pg_catalog.pg_class AS c
    WHERE (
        c.relnamespace = 'tenancy'::regnamespace
        OR c.oid IN (
            'public.customer_shop_profiles'::regclass,
            pg_get_serial_sequence('public.customer_shop_profiles', 'id')::regclass
        )
    )
    AND c.relowner <> (SELECT o.relowner FROM pg_catalog.pg_class AS o WHERE o.oid = 'public.customers'::regclass)
    $$,
    'every table, view, sequence and index belongs to the owner of public.customers'
);

SELECT is_empty(
    $$
    SELECT
        p.oid::regprocedure,
        pg_get_userbyid(p.proowner)
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.proowner <> (SELECT o.relowner FROM pg_catalog.pg_class AS o WHERE o.oid = 'public.customers'::regclass)
    $$,
    'every function and procedure belongs to the owner of public.customers'
);

-- ADR-0001: customers are global, and stay so.

SELECT hasnt_column('public', 'customers', 'shop_id', 'public.customers has no shop_id');

-- A view that ran with its owner's rights would show what row-level security hides. One does, so that the health check reads no
-- phones.

SELECT is_empty(
    $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'tenancy'::regnamespace
        AND c.relkind = 'v'
        AND c.relname <> 'customer_bookings'
        AND NOT coalesce(c.reloptions, '{}') @> ARRAY['security_invoker=true']
    $$,
    'every view runs with the rights of who reads it'
);

SELECT is_empty(
    $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    WHERE (c.relnamespace = 'tenancy'::regnamespace OR c.oid = 'public.customer_shop_profiles'::regclass)
        AND c.relforcerowsecurity
    $$,
    'row-level security is never FORCEd: it would hide rows from the owner, and so from the mirrors'
);

-- A table of ours has row-level security, or stands here.

SELECT is_empty(
    $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'tenancy'::regnamespace
        AND c.relkind IN ('r', 'p')
        AND NOT c.relrowsecurity
        AND c.relname NOT IN (
            'settings', 'changes', 'deployed_parts', 'definitions', 'moved_stylists', 'inserted_statistics', 'remembered_profiles',
            'profile_origins', 'splits_under_way', 'backfill_progress', 'legacy_writes', 'double_writes', 'mirror_watch', 'contracted',
            'tracked_customers', 'customers_under_way', 'introductions', 'isolation', 'unproven_bookings',
            'adoption', 'backfill_ranges', 'backfill_workers'
        )
    $$,
    'every table of tenancy has row-level security, or was decided to need none: no shop''s role may read it'
);

SELECT is_empty(
    $$
    SELECT
        c.oid::regclass,
        a.privilege_type
    FROM pg_catalog.pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.relnamespace = 'tenancy'::regnamespace
        AND c.relkind IN ('r', 'p')
        AND NOT c.relrowsecurity
        AND a.grantee = to_regrole('convo_shop')
    $$,
    'convo_shop reads no table of tenancy without row-level security'
);

SELECT * FROM finish();

ROLLBACK;
