-- For the tests of a phase's functions: \ir this, list the functions in "expected", then \ir check_functions.sql.

CREATE TEMPORARY TABLE expected (
    position integer GENERATED ALWAYS AS IDENTITY,
    name text,
    arguments text[],
    parameters text DEFAULT '', -- with names and defaults: calls name them
    kind text DEFAULT 'function',
    result text,
    language text,
    volatility text DEFAULT 'volatile',
    is_definer boolean DEFAULT FALSE,
    parallel text DEFAULT 'unsafe',
    settings text[] DEFAULT ARRAY['search_path=pg_catalog, pg_temp']
) ON COMMIT DROP;
