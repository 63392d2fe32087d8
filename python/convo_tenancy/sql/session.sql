-- A batch takes as long as it takes, but a locked table gets a clear line, after $1; a client that was killed must
-- not leave a batch running.
SELECT
    set_config('statement_timeout', '0', FALSE),
    set_config('lock_timeout', $1, FALSE),
    set_config('idle_session_timeout', '0', FALSE),
    set_config('client_connection_check_interval', '2s', FALSE);
