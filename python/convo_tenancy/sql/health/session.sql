-- Nothing here may stand in anybody's way: one statement's time is $1 milliseconds. Names of everything but
-- pg_catalog come with their schema.
SELECT
    set_config('statement_timeout', $1, TRUE),
    set_config('lock_timeout', '500ms', TRUE),
    set_config('search_path', 'pg_catalog', TRUE);
