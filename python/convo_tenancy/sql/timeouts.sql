-- What a statement may take ($1), and how long it may wait for a lock ($2).
SELECT
    set_config('statement_timeout', $1, FALSE),
    set_config('lock_timeout', $2, FALSE);
