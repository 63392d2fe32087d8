-- What every session of the command line begins with, whatever role and database set: names are looked up in pg_catalog alone, and
-- nothing ends a session or changes what it reads and says. SET looks no function or operator up, and takes no snapshot.
BEGIN;

SET transaction_isolation = 'read committed';
SET search_path = pg_catalog, pg_temp;
SET statement_timeout = 0;
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = 0;
SET idle_session_timeout = 0;
SET client_connection_check_interval = '2s'; -- a client that was killed must not leave a batch running
SET default_transaction_isolation = 'read committed';
SET default_transaction_read_only = off;
SET default_transaction_deferrable = off;
SET client_min_messages = notice;
SET datestyle = 'ISO, YMD';
SET intervalstyle = postgres;
SET timezone = 'UTC';
SET bytea_output = hex;
SET extra_float_digits = 1;
SET standard_conforming_strings = on;
SET quote_all_identifiers = off;
SET array_nulls = on;
SET transform_null_equals = off;
SET row_security = on;
SET plan_cache_mode = auto;
SET exit_on_error = off; -- one check that cannot be made does not end all others
SET jit = off; -- compiling a statement that runs once costs more than it saves

-- In SQL_ASCII there may be any bytes: the server would refuse to send those that are not UTF-8.
SELECT pg_catalog.set_config(
    'client_encoding',
    CASE WHEN pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END,
    FALSE
);

-- From PostgreSQL 17 on
SELECT pg_catalog.set_config('transaction_timeout', '0', FALSE)
WHERE pg_catalog.current_setting('transaction_timeout', TRUE) IS NOT NULL;

COMMIT;
