-- The functions and procedures of phase 1, and all that callers rely on. It only looks.
--
-- Later phases add functions to tenancy, so what is listed here must be there; what else there is, is not asked.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(51);

CREATE TEMPORARY TABLE expected (
    position integer GENERATED ALWAYS AS IDENTITY,
    name text,
    arguments text[],
    kind text DEFAULT 'function',
    result text,
    language text,
    volatility text DEFAULT 'volatile',
    is_definer boolean DEFAULT FALSE,
    parallel text DEFAULT 'unsafe',
    settings text[] DEFAULT ARRAY['search_path=pg_catalog, pg_temp']
) ON COMMIT DROP;

INSERT INTO expected (name, arguments, kind, result, language)
VALUES
('begin_change', '{boolean}', 'procedure', NULL, 'plpgsql'),
('lock_tables', '{text,text[]}', 'procedure', NULL, 'plpgsql');

-- It commits, so it carries no SET.
INSERT INTO expected (name, arguments, kind, result, language, settings)
VALUES ('run_backfill', '{integer}', 'procedure', NULL, 'plpgsql', NULL);

INSERT INTO expected (name, arguments, result, language, volatility)
VALUES
('describe_sessions', '{integer[]}', 'text', 'plpgsql', 'stable'),
('backfill_hold', '{}', 'text', 'plpgsql', 'stable');

-- Inlined where they are called, so without SET.
INSERT INTO expected (name, arguments, result, language, volatility, parallel, settings)
VALUES
(
    'bookings_of',
    '{integer}',
    'TABLE(id uuid, shop_id integer, service_id integer, stylist_id integer, status bookingstatus, '
    'appointment_status appointmentstatus, start_at_utc timestamp with time zone, created_at timestamp with time zone)',
    'sql',
    'stable',
    'safe',
    NULL
),
(
    'bookings_of',
    '{integer,character varying,character varying}',
    'TABLE(id uuid, shop_id integer, service_id integer, stylist_id integer, status bookingstatus, '
    'appointment_status appointmentstatus, start_at_utc timestamp with time zone, created_at timestamp with time zone)',
    'sql',
    'stable',
    'safe',
    NULL
),
('residual', '{bigint,bigint}', 'bigint', 'sql', 'immutable', 'safe', NULL),
('residual_cut', '{bigint,bigint,bigint}', 'bigint', 'sql', 'immutable', 'safe', NULL),
('backfill_lock_key', '{}', 'bigint', 'sql', 'immutable', 'safe', NULL);

INSERT INTO expected (name, arguments, result, language, volatility, settings)
VALUES
(
    'split',
    '{integer[]}',
    'TABLE(customer_id integer, shop_id integer, preferred_stylist_id integer, total_bookings integer, '
    'total_spend_cents integer, last_booking_at timestamp with time zone, no_show_count integer)',
    'sql',
    'stable',
    ARRAY['search_path=pg_catalog, pg_temp', 'enable_seqscan=off', 'jit=off']
);

INSERT INTO expected (name, arguments, result, language)
VALUES
('pause_backfill', '{}', 'void', 'sql'),
('resume_backfill', '{}', 'void', 'sql'),
('prepare_backfill', '{}', 'void', 'plpgsql'),
('backfill_estimate', '{}', 'record', 'plpgsql');

INSERT INTO expected (name, arguments, result, language, settings)
VALUES
(
    'backfill_step',
    '{integer}',
    'record',
    'plpgsql',
    ARRAY[
        'search_path=pg_catalog, pg_temp',
        'lock_timeout=100ms',
        'enable_seqscan=off',
        'enable_hashjoin=off',
        'enable_mergejoin=off',
        'jit=off'
    ]
);

INSERT INTO expected (name, arguments, result, language, is_definer, settings)
VALUES
(
    'clear_stylist_preferences',
    '{}',
    'trigger',
    'plpgsql',
    TRUE,
    ARRAY['search_path=pg_catalog, pg_temp', 'lock_timeout=500ms']
),
(
    'set_stylist_preferences',
    '{}',
    'trigger',
    'plpgsql',
    TRUE,
    ARRAY['search_path=pg_catalog, pg_temp', 'lock_timeout=500ms']
);

SELECT has_function('tenancy', e.name::name, e.arguments::name[])
FROM expected AS e
ORDER BY e.position;

SELECT
    is(
        (
            SELECT
                format(
                    '%s in %s returning %s, %s, security %s, parallel %s, set %s',
                    CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'f' THEN 'function' END,
                    l.lanname,
                    replace(pg_get_function_result(p.oid), 'public.', ''),
                    CASE p.provolatile WHEN 'v' THEN 'volatile' WHEN 's' THEN 'stable' WHEN 'i' THEN 'immutable' END,
                    CASE WHEN p.prosecdef THEN 'definer' ELSE 'invoker' END,
                    CASE p.proparallel WHEN 'u' THEN 'unsafe' WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' END,
                    (SELECT array_agg(s.setting ORDER BY s.setting) FROM unnest(p.proconfig) AS s (setting))
                )
            FROM pg_catalog.pg_proc AS p
            JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
            WHERE p.oid = to_regprocedure(format('tenancy.%s(%s)', e.name, array_to_string(e.arguments, ',')))
        ),
        format(
            '%s in %s returning %s, %s, security %s, parallel %s, set %s',
            e.kind,
            e.language,
            e.result,
            e.volatility,
            CASE WHEN e.is_definer THEN 'definer' ELSE 'invoker' END,
            e.parallel,
            (SELECT array_agg(s.setting ORDER BY s.setting) FROM unnest(e.settings) AS s (setting))
        ),
        format('what %s is', e.name)
    )
FROM expected AS e
ORDER BY e.position;

-- Names and defaults of parameters: calls name them.
SELECT is(pg_get_function_arguments(to_regprocedure(e.signature)), e.arguments, 'parameters of ' || e.signature)
FROM (
    VALUES
    (1, 'tenancy.begin_change(boolean)', 'IN in_transaction boolean DEFAULT true'),
    (2, 'tenancy.lock_tables(text,text[])', 'IN mode text, VARIADIC tables text[]'),
    (3, 'tenancy.run_backfill(integer)', 'IN batch_size integer DEFAULT NULL::integer'),
    (4, 'tenancy.describe_sessions(integer[])', 'pids integer[]'),
    (5, 'tenancy.residual(bigint,bigint)', 'total bigint, others bigint'),
    (6, 'tenancy.residual_cut(bigint,bigint,bigint)', 'own bigint, larger bigint, excess bigint'),
    (
        7,
        'tenancy.backfill_step(integer)',
        'batch_size integer, OUT state text, OUT detail text, OUT customers integer, OUT profiles integer'
    ),
    (
        8,
        'tenancy.backfill_estimate()',
        'OUT customers bigint, OUT profiles bigint, OUT disk_bytes bigint, OUT wal_bytes bigint'
    ),
    (9, 'tenancy.bookings_of(integer)', 'customer_id integer'),
    (
        10,
        'tenancy.bookings_of(integer,character varying,character varying)',
        'customer_id integer, phone character varying, email character varying'
    ),
    (11, 'tenancy.split(integer[])', 'customer_ids integer[]')
) AS e (position, signature, arguments)
ORDER BY e.position;

-- What runs for every booking of a batch is inlined only while the planner may look into it.
SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.proname IN ('bookings_of', 'residual', 'residual_cut', 'backfill_lock_key')
        AND (p.prosqlbody IS NULL OR p.proisstrict OR p.prosecdef OR p.proconfig IS NOT NULL)
    $$,
    'nothing keeps the planner from inlining the small functions'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND p.prosecdef
        AND p.prorettype <> 'trigger'::regtype
    $$,
    'only trigger functions are SECURITY DEFINER'
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

SELECT is(
    (
        SELECT t.prosrc ~* '\mcommit\M'
        FROM pg_catalog.pg_proc AS t
        WHERE t.oid = to_regprocedure('tenancy.run_backfill(integer)')
    ),
    TRUE,
    'run_backfill commits its batches'
);

SELECT * FROM finish();

ROLLBACK;
