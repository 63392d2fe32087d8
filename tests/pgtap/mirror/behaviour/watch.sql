-- The mirrors watch who writes, from one moment on; what leaves a gap in that is seen, and what takes from the record begins it anew.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(34);

\ir ../../helpers/what_if.sql

-- 'no gap since 3 days ago'
CREATE FUNCTION pg_temp.watch()
RETURNS text
LANGUAGE sql
RETURN (
    SELECT
        format(
            '%s since %s',
            coalesce(w.gap, 'no gap'),
            CASE
                WHEN w.since IS NULL THEN 'never'
                WHEN w.since > now() THEN 'now'
                ELSE extract(DAY FROM now() - w.since) || ' days ago'
            END
        )
    FROM tenancy.watch AS w
);

SELECT is(
    (SELECT w.gap IS NULL AND w.since < now() FROM tenancy.watch AS w),
    TRUE,
    'the mirrors watch since they were attached'
);
UPDATE tenancy.mirror_watch SET since = now() - interval '3 days';

CREATE FUNCTION public.does_nothing()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN NULL;
END;
$$;

-- The statement that makes the mirror of statistics
CREATE FUNCTION pg_temp.definition()
RETURNS text
LANGUAGE sql
RETURN (
    SELECT pg_get_triggerdef(t.oid)
    FROM pg_trigger AS t
    WHERE t.tgname = 'mirror_statistics_to_profiles'
);

-- What leaves no gap --------------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.watch()'), 'no gap since 3 days ago', 'no gap: ' || e.statement)
FROM (
    VALUES
    (1, 'UPDATE public.customer_booking_stats SET total_bookings = total_bookings'),
    (2, 'ALTER TABLE public.customers ADD COLUMN birthday date'),
    (3, 'ALTER TABLE public.customers ENABLE TRIGGER USER'), -- all are
    (4, 'CREATE TRIGGER t AFTER UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION public.does_nothing()'),
    (5, 'COMMENT ON TRIGGER mirror_customer_to_profiles ON public.customers IS ''Ours''')
) AS e (position, statement)
ORDER BY e.position;

-- What leaves one, though all is as it was ----------------------------------------------------------------------------------------

SELECT
    is(
        pg_temp.what_if(e.statement, 'pg_temp.watch()'),
        e.gap || ' since 3 days ago',
        'a gap: ' || split_part(e.statement, E'\n', 1)
    )
FROM (
    VALUES
    (
        1,
        'ALTER TABLE public.customers DISABLE TRIGGER mirror_customer_to_profiles; '
        'ALTER TABLE public.customers ENABLE TRIGGER mirror_customer_to_profiles',
        'trigger mirror_customer_to_profiles on public.customers'
    ),
    (
        2,
        'ALTER TABLE public.customer_booking_stats DISABLE TRIGGER USER; '
        'ALTER TABLE public.customer_booking_stats ENABLE TRIGGER USER',
        'trigger mirror_statistics_to_profiles on public.customer_booking_stats and 1 more'
    ),
    (
        3,
        'ALTER TABLE public.customer_booking_stats DISABLE TRIGGER mirror_statistics_to_profiles',
        'trigger mirror_statistics_to_profiles on public.customer_booking_stats'
    ),
    (
        4,
        'DROP TRIGGER refuse_truncate ON public.customers',
        'trigger refuse_truncate on public.customers'
    ),
    (
        5,
        format('DROP TRIGGER mirror_statistics_to_profiles ON public.customer_booking_stats; %s', pg_temp.definition()),
        'trigger mirror_statistics_to_profiles on public.customer_booking_stats'
    ),
    (
        6,
        'ALTER FUNCTION tenancy.count_legacy_write(integer, timestamptz) COST 100',
        'function tenancy.count_legacy_write()'
    ),
    (
        7,
        pg_get_functiondef('tenancy.mirror_statistics_to_profiles()'::regprocedure),
        'function tenancy.mirror_statistics_to_profiles()'
    ),
    (
        8,
        'ALTER TRIGGER confirm_booking ON public.bookings RENAME TO other; '
        'ALTER TRIGGER other ON public.bookings RENAME TO confirm_booking',
        'trigger confirm_booking on public.bookings'
    ),
    (
        9,
        'ALTER TABLE tenancy.legacy_writes DISABLE TRIGGER keep_watch; DELETE FROM tenancy.legacy_writes; '
        'ALTER TABLE tenancy.legacy_writes ENABLE TRIGGER keep_watch',
        'trigger keep_watch on tenancy.legacy_writes'
    ),
    (
        10,
        'CREATE TRIGGER more AFTER INSERT ON public.customers FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_customers_to_profiles()',
        'trigger more on public.customers'
    ),
    (
        11,
        'UPDATE tenancy.mirror_watch SET marks = ''{"trigger of another database": "1 2"}''',
        'function tenancy.count_legacy_write() and 23 more'
    )
) AS e (position, statement, gap)
ORDER BY e.position;

-- What begins it anew -------------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.watch()'), e.watch, e.statement)
FROM (
    VALUES
    (1, 'CALL tenancy.restart_watch()', 'no gap since now'),
    (2, 'CALL tenancy.attach_mirrors()', 'no gap since now'),
    (
        3,
        'ALTER TABLE public.customers DISABLE TRIGGER USER; ALTER TABLE public.customers ENABLE TRIGGER USER; '
        'CALL tenancy.restart_watch()',
        'no gap since now'
    ),
    (4, 'CALL tenancy.detach_mirrors()', 'no gap since never'),
    (5, 'SET LOCAL search_path = public; SET LOCAL quote_all_identifiers = on; CALL tenancy.restart_watch()', 'no gap since now'),
    (6, 'SET LOCAL search_path = public; SET LOCAL quote_all_identifiers = on', 'no gap since 3 days ago')
) AS e (position, statement, watch)
ORDER BY e.position;

INSERT INTO tenancy.legacy_writes (application_name, role_name, written_at)
VALUES
('old', 'clerk', now() - interval '100 days'),
('old', 'clerk', now() - interval '1 day 1 hour');

SELECT is(pg_temp.what_if(e.statement, 'pg_temp.watch()'), e.watch, e.statement)
FROM (
    VALUES
    (1, 'DELETE FROM tenancy.legacy_writes WHERE written_at < now() - interval ''90 days''', 'no gap since 3 days ago'),
    (2, 'DELETE FROM tenancy.legacy_writes', 'no gap since 1 days ago'),
    (3, 'TRUNCATE tenancy.legacy_writes', 'no gap since now'),
    (4, 'UPDATE tenancy.legacy_writes SET written_at = written_at - interval ''1 year''', 'no gap since 1 days ago'),
    (5, 'UPDATE tenancy.legacy_writes SET application_name = ''new''', 'no gap since 1 days ago'),
    (6, 'UPDATE tenancy.legacy_writes SET role_name = ''new''', 'no gap since 1 days ago'),
    (9, 'UPDATE tenancy.legacy_writes SET shop_id = 3', 'no gap since 1 days ago'),
    (7, 'UPDATE tenancy.legacy_writes SET written_at = now()', 'no gap since 3 days ago'), -- says more, not less
    (
        8,
        'INSERT INTO tenancy.legacy_writes (application_name, role_name, written_at) VALUES (''x'', ''y'', now())',
        'no gap since 3 days ago'
    )
) AS e (position, statement, watch)
ORDER BY e.position;

SELECT is(
    pg_temp.what_if(
        'CREATE ROLE tidier; GRANT USAGE ON SCHEMA tenancy TO tidier; GRANT SELECT, DELETE ON tenancy.legacy_writes TO tidier; '
        'SET LOCAL ROLE tidier; DELETE FROM tenancy.legacy_writes; RESET ROLE',
        'pg_temp.watch()'
    ),
    'no gap since 1 days ago',
    'by whoever takes it away'
);
SELECT throws_ok(
    $$INSERT INTO tenancy.mirror_watch (singleton, since, marks) VALUES (FALSE, now(), '{}')$$,
    '23514', NULL,
    'there is one row'
);

SELECT * FROM finish();

ROLLBACK;
