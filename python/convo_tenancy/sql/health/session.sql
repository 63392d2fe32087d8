-- Nothing here may stand in anybody's way: one statement's time is $1 milliseconds.
SELECT
    set_config('statement_timeout', $1, TRUE),
    set_config('lock_timeout', '500ms', TRUE);
