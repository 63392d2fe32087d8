-- Deploy convo_tenancy:support/guard to pg

\set ON_ERROR_STOP on
\set change support/guard
\ir ../support/begin.sql
\if :is_done \quit \endif

-- A setting is what its session says: so the guard is a number that the owner alone can read. In a sequence, which is read without a
-- query.
CREATE SEQUENCE IF NOT EXISTS tenancy.guard;

COMMENT ON SEQUENCE tenancy.guard IS
'Holds a random number, its last value. A write is a mirror''s own while tenancy.mirroring is that number. Nobody draws from '
'it, and only the owner can read it.';

DO $$
BEGIN
    IF pg_sequence_last_value('tenancy.guard') IS NULL THEN -- another one would be no guard for who writes just now
        PERFORM setval('tenancy.guard', tenancy.random_key() | 1);
    END IF;
END;
$$;

-- No SET clause, so that it is inlined: it runs with each mirrored write.
CREATE OR REPLACE FUNCTION tenancy.raise_guard()
RETURNS text
LANGUAGE sql
VOLATILE
RETURN set_config('tenancy.mirroring', coalesce(pg_sequence_last_value('tenancy.guard'::regclass), 0)::text, TRUE);

COMMENT ON FUNCTION tenancy.raise_guard() IS
'Sets tenancy.mirroring to the number of tenancy.guard. While that stands, mirrors ignore what this session writes. The caller '
'puts the old value back; the end of the transaction or savepoint does, too. Example: guard := tenancy.raise_guard()';

COMMIT;
