-- The functions in "expected" (expected_functions.sql) are what they should be: three tests for each, and two.

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

SELECT
    is(
        replace(
            pg_get_function_arguments(to_regprocedure(format('tenancy.%s(%s)', e.name, array_to_string(e.arguments, ',')))),
            'public.',
            ''
        ),
        e.parameters,
        format('parameters of %s', e.name)
    )
FROM expected AS e
ORDER BY e.position;

-- What runs for every row is inlined only while the planner may look into it.
SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM expected AS e
    JOIN pg_catalog.pg_proc AS p
        ON p.oid = to_regprocedure(format('tenancy.%s(%s)', e.name, array_to_string(e.arguments, ',')))
    WHERE e.kind = 'function'
        AND e.settings IS NULL
        AND (p.prosqlbody IS NULL OR p.proisstrict)
    $$,
    'nothing keeps the planner from inlining the functions without SET'
);

SELECT is_empty(
    $$
    SELECT p.oid::regprocedure
    FROM expected AS e
    JOIN pg_catalog.pg_proc AS p
        ON p.oid = to_regprocedure(format('tenancy.%s(%s)', e.name, array_to_string(e.arguments, ',')))
    WHERE e.kind = 'procedure'
        AND (e.settings IS NULL) <> (p.prosrc ~* '\mcommit\M')
    $$,
    'the procedures without SET commit their batches, and no other does'
);
