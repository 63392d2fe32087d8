-- What is deployed: the changes stand in the order of the plan, and all that they made is there, as it was made. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(9);

\ir ../../helpers/parts.sql

-- The changes

SELECT is_empty(
    $$
    SELECT
        c.change,
        c.state
    FROM tenancy.changes AS c
    WHERE c.state NOT IN ('standing', 'absent')
        OR c.open_pid IS NOT NULL
        OR c.open_key IS NOT NULL
    $$,
    'no change is half-way'
);
SELECT results_eq(
    $$SELECT c.position FROM tenancy.changes AS c WHERE c.state = 'standing' ORDER BY c.position$$,
    $$SELECT generate_series(1, count(*)::integer) FROM tenancy.changes AS c WHERE c.state = 'standing'$$,
    'those that stand are the first ones'
);
SELECT
    results_eq(
        format(
            $$
            SELECT
                c.change,
                t.tag
            FROM %1$I.changes AS c
            LEFT JOIN %1$I.tags AS t
                ON t.change_id = c.change_id
                AND t.tag LIKE '@phase%%' -- a release has one, too
            WHERE c.project = 'convo_tenancy'
                AND c.change <> 'support/preconditions' -- it makes nothing
            ORDER BY c.committed_at
            $$,
            s.registry
        ),
        $$
        SELECT
            c.change,
            c.tag
        FROM tenancy.changes AS c
        WHERE c.state = 'standing'
        ORDER BY c.position
        $$,
        'Sqitch''s registry has these changes, in this order, with these tags'
    )
FROM tenancy.settings AS s;

-- The parts

SELECT is_empty('SELECT * FROM pg_temp.problems()', 'nothing that a change made is missing, disabled, invalid or altered');
SELECT is_empty(
    $$
    SELECT
        p.kind,
        p.name
    FROM pg_temp.parts() AS p
    LEFT JOIN tenancy.deployed_parts AS d
        ON d.kind = p.kind
        AND d.name = p.name
    WHERE d.is_there IS NOT TRUE
        -- The application's
        AND NOT (p.kind = 'index' AND tenancy.part_definition(p.kind, p.oid) ~ ' ON public\.stylists ')
        AND NOT (p.kind = 'policy' AND p.name !~ '^(as_before|of_the_shop) ')
    $$,
    'nothing is there that no change made'
);
SELECT is_empty(
    $$
    SELECT
        d.kind,
        d.name,
        d.change
    FROM tenancy.deployed_parts AS d
    LEFT JOIN tenancy.changes AS c ON c.change = d.change
    WHERE c.state IS DISTINCT FROM 'standing'
    $$,
    'each part belongs to a change that stands'
);

-- What tenancy.parts looks at is all that there is.

SELECT set_eq(
    $$
    SELECT
        CASE c.relkind WHEN 'i' THEN 'index' WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
        format('tenancy.%I', c.relname) AS name
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'tenancy'::regnamespace
        AND NOT c.relkind = 'c' -- a type, whose absence shows in the functions that take it
        AND NOT (
            c.relkind = 'S'
            AND EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'i') -- an identity column's
        )
        AND c.oid <> 'tenancy.guard'::regclass -- which cannot go without the functions that read it
    $$,
    $$
    SELECT
        p.kind,
        p.name
    FROM pg_temp.parts() AS p
    WHERE p.kind IN ('table', 'view', 'index')
        AND p.name LIKE 'tenancy.%'
    $$,
    'every relation of tenancy is a part'
);
SELECT is(
    (SELECT count(*) FROM pg_temp.parts() AS p WHERE p.kind = 'function'),
    (SELECT count(*) FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = 'tenancy'::regnamespace),
    'every function and procedure is'
);
SELECT is(
    (SELECT count(*) FROM pg_temp.parts() AS p WHERE p.kind IN ('constraint', 'trigger')),
    (
        SELECT count(*)
        FROM pg_catalog.pg_constraint AS c
        JOIN pg_catalog.pg_class AS t ON t.oid = c.conrelid
        WHERE (t.relnamespace = 'tenancy'::regnamespace OR t.oid = 'public.customer_shop_profiles'::regclass)
            AND c.contype NOT IN ('n', 't') -- NOT NULL is in the table, a constraint trigger a trigger
    ) + (
        SELECT count(*)
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
        WHERE p.pronamespace = 'tenancy'::regnamespace
    ),
    'every constraint and trigger is'
);

SELECT * FROM finish();

ROLLBACK;
