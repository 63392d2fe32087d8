-- Strong locks that do not stall the application, and who holds them.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(14);

SAVEPOINT untouched;

SELECT throws_ok(
    $$CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.no_such_table')$$,
    '42P01',
    NULL,
    'a table that is not there'
);
SELECT throws_ok(
    $$CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.customers', 'public.no_such_table')$$,
    '42P01',
    NULL,
    'nor one after another that is there'
);
SELECT is_empty(
    $$
    SELECT l.mode
    FROM pg_catalog.pg_locks AS l
    WHERE l.relation = 'public.customers'::regclass
        AND l.pid = pg_backend_pid()
        AND l.mode = 'ShareRowExclusiveLock'
    $$,
    'which leaves nothing locked'
);
SELECT throws_ok(
    $$CALL tenancy.lock_tables('VERY EXCLUSIVE', 'public.customers')$$,
    '42601',
    NULL,
    'a mode that is none'
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
    'locks these tables in this mode'
);
SELECT is(current_setting('lock_timeout'), '100ms', 'waits as long as the settings say, and what follows, too');
ROLLBACK TO SAVEPOINT untouched;

CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.customers IN ACCESS SHARE MODE', 'public.shops');
SELECT bag_eq(
    $$
    SELECT
        l.relation::regclass::text,
        l.mode
    FROM pg_catalog.pg_locks AS l
    WHERE l.pid = pg_backend_pid()
        AND l.relation IN ('public.customers'::regclass, 'public.shops'::regclass)
    $$,
    $$VALUES ('customers', 'AccessShareLock'), ('shops', 'ShareRowExclusiveLock')$$,
    'a table may have a mode of its own'
);
ROLLBACK TO SAVEPOINT untouched;

SET LOCAL lock_timeout = '7s';
CALL tenancy.lock_to_read();
SELECT set_has(
    $$
    SELECT l.relation
    FROM pg_catalog.pg_locks AS l
    WHERE l.pid = pg_backend_pid()
        AND l.mode = 'AccessShareLock'
    $$,
    $$VALUES ('public.bookings'::regclass::oid), ('public.customers'::regclass::oid), ('public.stylists'::regclass::oid)$$,
    'lock_to_read: nothing is to be waited for later'
);
SELECT is(current_setting('lock_timeout'), '7s', 'lock_to_read: other locks are waited for as before');
ROLLBACK TO SAVEPOINT untouched;

UPDATE tenancy.settings SET lock_timeout_ms = 1000;
SET LOCAL deadlock_timeout = '600ms';
CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.shops');
SELECT is(current_setting('lock_timeout'), '300ms', 'never longer than half of deadlock_timeout');
SET LOCAL deadlock_timeout = '1ms';
CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.shops');
SELECT is(current_setting('lock_timeout'), '1ms', 'and never 0, which would be without end');
ROLLBACK TO SAVEPOINT untouched;

-- describe_sessions

SELECT is(tenancy.describe_sessions('{}'), NULL, 'describe_sessions: NULL for none');
SELECT is(tenancy.describe_sessions(ARRAY[-1]), NULL, 'describe_sessions: NULL for one that is gone');
SET LOCAL application_name = 'lock tables';
SELECT matches(
    tenancy.describe_sessions(ARRAY[pg_backend_pid()]),
    format(
        '^pid %s, user %s, application lock tables, in transaction for \d+ s \(active\), statement: SELECT$',
        pg_backend_pid(),
        session_user
    ),
    'describe_sessions: who it is, since when, and what it does, on one line'
);

SELECT * FROM finish();

ROLLBACK;
