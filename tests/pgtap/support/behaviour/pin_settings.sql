-- The settings that a script was written for, whatever role and database have; and those of a batch.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(12);

-- What a role, a database or a client may have set, and what a script needs.
CREATE TEMPORARY TABLE hostile (name text, value text, pinned text) ON COMMIT DROP;
INSERT INTO hostile (name, value, pinned)
VALUES
('statement_timeout', '1s', '10min'),
('lock_timeout', '0', '2s'),
('idle_in_transaction_session_timeout', '3s', '0'),
('idle_session_timeout', '3s', '0'),
('client_connection_check_interval', '0', '2s'),
('default_transaction_isolation', 'serializable', 'read committed'),
('default_transaction_read_only', 'on', 'off'),
('default_transaction_deferrable', 'on', 'off'),
('DateStyle', 'SQL, DMY', 'ISO, YMD'),
('IntervalStyle', 'sql_standard', 'postgres'),
('TimeZone', 'Asia/Kolkata', 'UTC'),
('bytea_output', 'escape', 'hex'),
('extra_float_digits', '-5', '1'),
('standard_conforming_strings', 'off', 'on'),
('quote_all_identifiers', 'on', 'off'),
('array_nulls', 'off', 'on'),
('transform_null_equals', 'on', 'off'),
('check_function_bodies', 'off', 'on'),
('row_security', 'off', 'on'),
('default_tablespace', 'pg_default', ''),
('temp_tablespaces', 'pg_default', ''),
('synchronize_seqscans', 'off', 'on'),
('plan_cache_mode', 'force_generic_plan', 'auto'),
('jit', 'on', 'off');

CREATE FUNCTION pg_temp.settings_now()
RETURNS TABLE (name text, value text)
LANGUAGE sql
AS $$
    SELECT
        s.name,
        current_setting(s.name, TRUE)
    FROM hostile AS s;
$$;
SAVEPOINT untouched;

-- For the transaction

SELECT set_config(h.name, h.value, TRUE) FROM hostile AS h;
SELECT results_ne('SELECT h.name, h.pinned FROM hostile AS h', 'SELECT * FROM pg_temp.settings_now()', 'hostile settings');
SAVEPOINT hostile;
CALL tenancy.pin_settings();
SELECT results_eq(
    'SELECT * FROM pg_temp.settings_now()', 'SELECT h.name, h.pinned FROM hostile AS h', 'are pinned, every one of them'
);
SELECT is(
    current_setting('transaction_timeout', TRUE),
    CASE WHEN current_setting('server_version_num')::integer >= 170000 THEN '0' END,
    'one of PostgreSQL 17 is not set before'
);
SELECT isnt(current_setting('search_path'), 'pg_catalog, pg_temp', 'search_path is the script''s own');
ROLLBACK TO SAVEPOINT hostile;
SELECT results_eq(
    'SELECT * FROM pg_temp.settings_now()', 'SELECT h.name, h.value FROM hostile AS h', 'and are back when it is rolled back'
);
ROLLBACK TO SAVEPOINT untouched;

-- For the session

SELECT set_config(h.name, h.value, TRUE) FROM hostile AS h;
CALL tenancy.pin_settings(is_local => FALSE);
SELECT current_setting('search_path') AS search_path \gset
SET LOCAL search_path = public;
SELECT set_eq(
    'SELECT * FROM pg_temp.settings_now()',
    $$
    SELECT
        h.name,
        CASE WHEN h.name IN ('statement_timeout', 'lock_timeout') THEN '0' ELSE h.pinned END
    FROM hostile AS h
    $$,
    'for the session: pinned, and a statement or lock has all the time that it needs'
);
SELECT is(:'search_path'::text, 'pg_catalog, pg_temp', 'for the session: names are looked up in pg_catalog');
ROLLBACK TO SAVEPOINT untouched;

-- What is refused: only a superuser may set it back

SET LOCAL session_replication_role = replica;
SELECT throws_ok(
    'CALL tenancy.pin_settings()',
    '55000',
    'session_replication_role is replica, so triggers and foreign keys would not work: SET session_replication_role = origin, '
    'or ALTER ROLE or ALTER DATABASE ... RESET session_replication_role',
    'session_replication_role is refused'
);
SELECT throws_ok('CALL tenancy.pin_settings(FALSE)', '55000', NULL, 'for the session, too');
SELECT throws_ok(
    'SELECT tenancy.begin_change(''deploy'', ''profiles/split'')', '55000', NULL, 'so no script begins with it'
);

ROLLBACK TO SAVEPOINT untouched;

-- A batch of a procedure that commits

SET LOCAL search_path = public, pg_catalog;
CALL tenancy.begin_batch();
SELECT current_setting('search_path') AS search_path \gset
ROLLBACK TO SAVEPOINT untouched;
SELECT is(:'search_path'::text, 'pg_catalog, pg_temp', 'begin_batch: names are looked up in pg_catalog until the transaction ends');
SELECT isnt(current_setting('search_path'), 'pg_catalog, pg_temp', 'begin_batch: and no longer');

SELECT * FROM finish();

ROLLBACK;
