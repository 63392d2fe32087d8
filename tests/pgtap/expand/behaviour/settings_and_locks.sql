-- The settings, and what each change begins with: the owner's role, timeouts, strong locks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(46);

SAVEPOINT untouched;

-- Settings: one row, and no value that would stall the application or never end.

SELECT throws_ok(
    'INSERT INTO tenancy.settings (default_shop_id) VALUES (1)', '23505', NULL, 'settings: a second row is refused'
);
SELECT throws_ok(
    'INSERT INTO tenancy.settings (singleton, default_shop_id) VALUES (FALSE, 1)',
    '23514',
    NULL,
    'settings: singleton cannot be false'
);
SELECT
    throws_ok(
        format('UPDATE tenancy.settings SET %I = %s', e.name, e.value),
        e.sqlstate,
        NULL,
        format('settings: %s cannot be %s', e.name, e.value)
    )
FROM (
    VALUES
    (1, 'singleton', 'FALSE', '23514'),
    (2, 'singleton', 'NULL', '23502'),
    (3, 'default_shop_id', 'NULL', '23502'),
    (4, 'lock_timeout_ms', 'NULL', '23502'),
    (5, 'lock_timeout_ms', '0', '23514'),
    (6, 'lock_timeout_ms', '1001', '23514'),
    (7, 'lock_timeout_ms', '-1', '23514'),
    (8, 'lock_attempts', 'NULL', '23502'),
    (9, 'lock_attempts', '0', '23514'),
    (10, 'lock_attempts', '1001', '23514'),
    (11, 'backfill_batch_size', 'NULL', '23502'),
    (12, 'backfill_batch_size', '0', '23514'),
    (13, 'backfill_batch_size', '100001', '23514'),
    (14, 'replica_lag_limit_bytes', 'NULL', '23502'),
    (15, 'replica_lag_limit_bytes', '0', '23514')
) AS e (position, name, value, sqlstate)
ORDER BY e.position;
SELECT
    lives_ok(
        format('UPDATE tenancy.settings SET %I = %s', e.name, e.value),
        format('settings: %s can be %s', e.name, e.value)
    )
FROM (
    VALUES
    (1, 'lock_timeout_ms', '1'),
    (2, 'lock_timeout_ms', '1000'),
    (3, 'lock_attempts', '1'),
    (4, 'lock_attempts', '1000'),
    (5, 'backfill_batch_size', '1'),
    (6, 'backfill_batch_size', '100000'),
    (7, 'replica_lag_limit_bytes', '1')
) AS e (position, name, value)
ORDER BY e.position;
SELECT throws_ok(
    'INSERT INTO tenancy.backfill_progress (singleton) VALUES (TRUE)', '23505', NULL, 'progress: a second row is refused'
);
SELECT throws_ok(
    'INSERT INTO tenancy.backfill_progress (singleton) VALUES (FALSE)', '23514', NULL, 'progress: singleton cannot be false'
);

ROLLBACK TO SAVEPOINT untouched;

-- begin_change: as the owner of the legacy tables. The role that is then in force may not use what pgTAP keeps, so that
-- what it sees is noted and looked at afterwards.

CREATE ROLE settings_and_locks_owner;
ALTER TABLE public.customers OWNER TO settings_and_locks_owner;
SET LOCAL statement_timeout = '7s';
SET LOCAL lock_timeout = '7s';
SET LOCAL client_connection_check_interval = 0;
SAVEPOINT before_change;

CALL tenancy.begin_change();
SELECT
    current_user AS role_name,
    current_setting('statement_timeout') AS statement_timeout,
    current_setting('lock_timeout') AS lock_timeout,
    current_setting('client_connection_check_interval') AS connection_check
\gset
RESET ROLE;
SELECT is(:'role_name'::text, 'settings_and_locks_owner', 'begin_change: acts as the owner of public.customers');
SELECT is(:'statement_timeout'::text, '10min', 'begin_change: a statement has ten minutes');
SELECT is(:'lock_timeout'::text, '2s', 'begin_change: a lock two seconds');
SELECT is(:'connection_check'::text, '2s', 'begin_change: a client that is gone is noticed');

ROLLBACK TO SAVEPOINT before_change;
SELECT is(current_setting('lock_timeout'), '7s', 'begin_change: all of it ends with the transaction');

CALL tenancy.begin_change(in_transaction => FALSE);
SELECT
    current_user AS role_name,
    current_setting('statement_timeout') AS statement_timeout,
    current_setting('lock_timeout') AS lock_timeout,
    current_setting('client_connection_check_interval') AS connection_check
\gset
RESET ROLE;
SELECT is(:'role_name'::text, 'settings_and_locks_owner', 'begin_change for the session: acts as the owner of public.customers');
SELECT is(:'statement_timeout'::text, '0', 'begin_change for the session: a statement has all the time it needs');
SELECT is(:'lock_timeout'::text, '0', 'begin_change for the session: and so has a lock');
SELECT is(:'connection_check'::text, '2s', 'begin_change for the session: a client that is gone is noticed');

ROLLBACK TO SAVEPOINT untouched;

-- lock_tables

SELECT throws_ok(
    $$CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.no_such_table')$$,
    '42P01',
    NULL,
    'lock_tables: a table that is not there'
);
SELECT throws_ok(
    $$CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.customers', 'public.no_such_table')$$,
    '42P01',
    NULL,
    'lock_tables: nor one after another that is there'
);
SELECT is_empty(
    $$
    SELECT l.mode
    FROM pg_catalog.pg_locks AS l
    WHERE l.relation = 'public.customers'::regclass
        AND l.pid = pg_backend_pid()
        AND l.mode = 'ShareRowExclusiveLock'
    $$,
    'lock_tables: which leaves nothing locked'
);
SELECT throws_ok(
    $$CALL tenancy.lock_tables('VERY EXCLUSIVE', 'public.customers')$$,
    '42601',
    NULL,
    'lock_tables: a mode that is none'
);

CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.shops', 'public.stylists');
SELECT set_eq(
    $$
    SELECT l.relation
    FROM pg_catalog.pg_locks AS l
    WHERE l.pid = pg_backend_pid()
        AND l.locktype = 'relation'
        AND l.mode = 'ShareRowExclusiveLock'
        AND l.granted
    $$,
    $$VALUES ('public.shops'::regclass::oid), ('public.stylists'::regclass::oid)$$,
    'lock_tables: locks these tables in this mode'
);
SELECT is(current_setting('lock_timeout'), '100ms', 'lock_tables: waits as long as the settings say, and what follows, too');
ROLLBACK TO SAVEPOINT untouched;

UPDATE tenancy.settings SET lock_timeout_ms = 1000;
SET LOCAL deadlock_timeout = '600ms';
CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.shops');
SELECT is(current_setting('lock_timeout'), '300ms', 'lock_tables: never longer than half of deadlock_timeout');
SET LOCAL deadlock_timeout = '1ms';
CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.shops');
SELECT is(current_setting('lock_timeout'), '1ms', 'lock_tables: and never 0, which would be without end');
ROLLBACK TO SAVEPOINT untouched;

-- describe_sessions

SELECT is(tenancy.describe_sessions('{}'), NULL, 'describe_sessions: NULL for none');
SELECT is(tenancy.describe_sessions(ARRAY[-1]), NULL, 'describe_sessions: NULL for one that is gone');
SET LOCAL application_name = 'settings and locks';
SELECT matches(
    tenancy.describe_sessions(ARRAY[pg_backend_pid()]),
    format(
        '^pid %s, user %s, application settings and locks, in transaction for \d+ s \(active\), query: SELECT matches\(',
        pg_backend_pid(),
        session_user
    ),
    'describe_sessions: who it is, since when, and what it does, on one line'
);

SELECT * FROM finish();

ROLLBACK;
