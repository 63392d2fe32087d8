-- Deploy convo_tenancy:profiles/adoption to pg

-- How phase 1 takes over a table that somebody made by the ADR. Another one takes its place, first as a copy: batches copy the rows, a
-- trigger carries each write over, and under a short lock the two change places. So no row is ever missing, and the table that was there
-- waits in tenancy_archive as it was.

\set ON_ERROR_STOP on
\set change profiles/adoption
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.adoption (
    singleton boolean NOT NULL DEFAULT TRUE,
    literal_shop_id integer,
    is_divided boolean NOT NULL DEFAULT FALSE,
    CONSTRAINT adoption_pkey PRIMARY KEY (singleton),
    CONSTRAINT adoption_singleton_check CHECK (singleton)
);

COMMENT ON TABLE tenancy.adoption IS
'One row if the profiles replaced a table that existed before, now tenancy_archive.adopted_profiles; else no row.';
COMMENT ON COLUMN tenancy.adoption.singleton IS 'Always true: there is at most one row.';
COMMENT ON COLUMN tenancy.adoption.literal_shop_id IS
'The shop where most customers had a profile in that table. The ADR''s own statement puts all totals into one shop, so only '
'profiles of other shops show what the application counted.';
COMMENT ON COLUMN tenancy.adoption.is_divided IS 'Whether the backfill has divided all customers of that table anew.';

CREATE OR REPLACE FUNCTION tenancy.copied_columns()
RETURNS text
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
BEGIN
    RETURN (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = 'public.customer_shop_profiles'::regclass
            AND a.attnum > 0
            AND NOT a.attisdropped
            AND a.attgenerated = ''
    );
END;
$$;

COMMENT ON FUNCTION tenancy.copied_columns() IS
'Part of taking over a table: the columns to copy, all but generated ones, separated by commas. Example: SELECT '
'tenancy.copied_columns()';

CREATE OR REPLACE FUNCTION tenancy.copy_profile()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM tenancy.customer_shop_profiles;
        RETURN NULL;
    END IF;

    IF TG_OP <> 'INSERT' THEN
        DELETE FROM tenancy.customer_shop_profiles AS p WHERE p.id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        -- By name: a column that somebody adds meanwhile stops nobody who writes.
        EXECUTE format('INSERT INTO tenancy.customer_shop_profiles (%1$s) SELECT %1$s FROM (SELECT ($1).*) AS written', TG_ARGV[0])
        USING NEW;
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.copy_profile() IS
'Trigger: while a table is taken over, carries each write to public.customer_shop_profiles to the copy. The argument lists the '
'columns.';

CREATE OR REPLACE PROCEDURE tenancy.begin_copy(kept_indexes oid[], kept_checks oid[])
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        -- Their columns
        SELECT
            concat(
                format(
                    'ALTER TABLE tenancy.customer_shop_profiles ADD COLUMN %I %s',
                    a.attname, format_type(a.atttypid, a.atttypmod)
                ),
                (
                    SELECT ' COLLATE ' || a.attcollation::regcollation::text
                    FROM pg_type AS t
                    WHERE t.oid = a.atttypid
                        AND a.attcollation <> t.typcollation
                ),
                CASE
                    WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s)', pg_get_expr(d.adbin, d.adrelid))
                    || CASE a.attgenerated WHEN 's' THEN ' STORED' ELSE ' VIRTUAL' END
                    ELSE ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
                END,
                CASE WHEN a.attnotnull THEN ' NOT NULL' END,
                format(
                    '; COMMENT ON COLUMN tenancy.customer_shop_profiles.%I IS %L', a.attname, col_description(a.attrelid, a.attnum)
                )
            )
        FROM pg_attribute AS a
        LEFT JOIN pg_attrdef AS d
            ON d.adrelid = a.attrelid
            AND d.adnum = a.attnum
        WHERE a.attrelid = 'public.customer_shop_profiles'::regclass
            AND a.attnum > 0
            AND NOT a.attisdropped
            AND NOT EXISTS (
                SELECT
                FROM pg_attribute AS own
                WHERE own.attrelid = 'tenancy.customer_shop_profiles'::regclass
                    AND own.attname = a.attname
            )
        ORDER BY
            a.attgenerated <> '',
            a.attnum
    LOOP
        EXECUTE statement;
    END LOOP;

    FOR statement IN
        -- Their indexes and CHECKs. The text before the table's name is known, whatever they are called.
        SELECT
            concat(
                n.prefix, ' ON tenancy.customer_shop_profiles',
                substr(pg_get_indexdef(i.indexrelid), length(n.prefix || ' ON public.customer_shop_profiles') + 1)
            )
        FROM pg_index AS i
        JOIN pg_class AS t ON t.oid = i.indexrelid
        CROSS JOIN LATERAL (
            SELECT concat('CREATE ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, 'INDEX ', quote_ident(t.relname)) AS prefix
        ) AS n
        WHERE i.indexrelid = ANY (kept_indexes)
        UNION ALL
        SELECT format('ALTER TABLE tenancy.customer_shop_profiles ADD CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid))
        FROM pg_constraint AS c
        WHERE c.oid = ANY (kept_checks)
    LOOP
        EXECUTE statement;
    END LOOP;

    EXECUTE format(
        'CREATE OR REPLACE TRIGGER copy_profile AFTER INSERT OR UPDATE OR DELETE ON public.customer_shop_profiles '
        'FOR EACH ROW EXECUTE FUNCTION tenancy.copy_profile(%L)',
        tenancy.copied_columns()
    );
    CREATE OR REPLACE TRIGGER copy_truncate
    AFTER TRUNCATE ON public.customer_shop_profiles
    FOR EACH STATEMENT
    EXECUTE FUNCTION tenancy.copy_profile();
    -- What a replica or a restore writes, too
    ALTER TABLE public.customer_shop_profiles ENABLE ALWAYS TRIGGER copy_profile, ENABLE ALWAYS TRIGGER copy_truncate;

    COMMENT ON TRIGGER copy_profile ON public.customer_shop_profiles IS
    'While the table is taken over: carries each write to the copy.';
    COMMENT ON TRIGGER copy_truncate ON public.customer_shop_profiles IS 'While the table is taken over: empties the copy.';
END;
$$;

COMMENT ON PROCEDURE tenancy.begin_copy(oid[], oid[]) IS
'Part of taking over a table: adds its other columns, and these indexes and CHECKs, to the copy, '
'tenancy.customer_shop_profiles. From COMMIT on, triggers carry each write to the copy. The caller has locked '
'public.customer_shop_profiles. Example: CALL tenancy.begin_copy(''{}'', ''{}'')';

CREATE OR REPLACE FUNCTION tenancy.copy_step(after_id integer, batch_size integer, columns text)
RETURNS integer
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' -- it never waits for long while it holds locks
SET enable_seqscan = off -- by index, whatever the statistics say
SET jit = off
AS $$
DECLARE
    locked integer[];
BEGIN
    -- Whoever writes these rows now has committed before this goes on, and whoever comes later finds them copied.
    locked := ARRAY(
        SELECT p.id
        FROM public.customer_shop_profiles AS p
        WHERE p.id > after_id
        ORDER BY p.id
        LIMIT batch_size
        FOR SHARE
    );

    -- A new statement, and so a new snapshot. What is there already, the trigger has written.
    EXECUTE format(
        'INSERT INTO tenancy.customer_shop_profiles (%1$s) SELECT %1$s FROM public.customer_shop_profiles AS p '
        'WHERE p.id = ANY ($1) ORDER BY p.id ON CONFLICT DO NOTHING',
        columns
    )
    USING locked;
    RETURN locked[cardinality(locked)];
EXCEPTION
    WHEN lock_not_available THEN
        RETURN after_id;
END;
$$;

COMMENT ON FUNCTION tenancy.copy_step(integer, integer, text) IS
'Part of taking over a table: copies the next profiles by id and returns the last id; NULL when none is left. Returns the given '
'id if another session locks one of them: call it again after a pause. Example: SELECT tenancy.copy_step(0, 5000, ''id, '
'customer_id'')';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.run_copy()
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    batch_size CONSTANT pg_catalog.int4 NOT NULL := (SELECT s.backfill_batch_size FROM tenancy.settings AS s);
    columns CONSTANT pg_catalog.text NOT NULL := tenancy.copied_columns();
    copied pg_catalog.int4 NOT NULL := -2147483648; -- below every id
    next_copied pg_catalog.int4;
    is_reported pg_catalog.bool NOT NULL := FALSE;
BEGIN
    CALL tenancy.begin_batch();

    LOOP
        next_copied := tenancy.copy_step(copied, batch_size, columns);
        COMMIT;
        CALL tenancy.begin_batch();
        EXIT WHEN next_copied IS NULL;

        IF next_copied OPERATOR(pg_catalog.=) copied THEN
            IF NOT is_reported THEN
                RAISE NOTICE 'adoption waits: another transaction locks a profile after id %', copied;
            END IF;
            is_reported := TRUE;
            PERFORM pg_catalog.pg_sleep(0.2);
        END IF;
        copied := next_copied;
    END LOOP;

    INSERT INTO tenancy.adoption (literal_shop_id)
    SELECT (
        SELECT p.shop_id
        FROM tenancy.customer_shop_profiles AS p
        GROUP BY p.shop_id
        ORDER BY
            pg_catalog.count(*) DESC,
            p.shop_id
        LIMIT 1
    )
    ON CONFLICT (singleton) DO UPDATE
    SET literal_shop_id = excluded.literal_shop_id;
END;
$$;

COMMENT ON PROCEDURE tenancy.run_copy() IS
'Part of taking over a table: copies all profiles in batches that it commits, and records which shop has most of them. Call it '
'outside a transaction. Example: CALL tenancy.run_copy()';

CREATE OR REPLACE PROCEDURE tenancy.change_places(replacement regclass)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET client_min_messages = warning -- of what is not there, nobody need be told
AS $$
DECLARE
    rights text[] NOT NULL := ARRAY(
        SELECT d.statement
        FROM tenancy.definitions_of('public.customer_shop_profiles') AS d
        WHERE d.kind = 'grant'
    );
    last_id bigint NOT NULL := 0;
    sequence_name text := pg_get_serial_sequence('public.customer_shop_profiles', 'id');
    statement text;
BEGIN
    IF EXISTS (
        SELECT
            a.attname,
            a.atttypid,
            a.atttypmod,
            a.attgenerated
        FROM pg_attribute AS a
        WHERE a.attrelid = 'public.customer_shop_profiles'::regclass
            AND a.attnum > 0
            AND NOT a.attisdropped
        EXCEPT
        SELECT
            a.attname,
            a.atttypid,
            a.atttypmod,
            a.attgenerated
        FROM pg_attribute AS a
        WHERE a.attrelid = replacement
            AND NOT a.attisdropped
    ) THEN
        RAISE EXCEPTION 'somebody altered a column of public.customer_shop_profiles meanwhile: run the same again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    -- Who draws ids goes on, above all that were drawn.
    IF sequence_name IS NOT NULL THEN
        EXECUTE format('SELECT s.last_value FROM %s AS s', sequence_name) INTO last_id;
        rights := rights || ARRAY(
            SELECT format(
                'GRANT %s ON SEQUENCE %%s TO %s%s', a.privilege_type, coalesce(quote_ident(r.rolname), 'PUBLIC'),
                CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END
            )
            FROM pg_class AS t
            CROSS JOIN LATERAL aclexplode(t.relacl) AS a
            LEFT JOIN pg_roles AS r ON r.oid = a.grantee
            WHERE t.oid = sequence_name::regclass
                AND a.grantee <> t.relowner
        );
    END IF;
    last_id := greatest(last_id, (SELECT max(p.id) FROM public.customer_shop_profiles AS p));

    CALL tenancy.create_archive_schema();
    DROP TRIGGER IF EXISTS copy_profile ON public.customer_shop_profiles;
    DROP TRIGGER IF EXISTS copy_truncate ON public.customer_shop_profiles;
    ALTER TABLE public.customer_shop_profiles RENAME TO adopted_profiles;
    ALTER TABLE public.adopted_profiles SET SCHEMA tenancy_archive;
    CALL tenancy.follow_deletions('tenancy_archive.adopted_profiles');

    EXECUTE format('ALTER TABLE %s SET SCHEMA public', replacement);
    sequence_name := pg_get_serial_sequence('public.customer_shop_profiles', 'id');
    PERFORM setval(sequence_name, greatest(last_id, nextval(sequence_name)));
    FOREACH statement IN ARRAY rights LOOP
        EXECUTE replace(statement, 'ON SEQUENCE %s', 'ON SEQUENCE ' || sequence_name);
    END LOOP;
    RAISE INFO 'the table that was taken over is tenancy_archive.adopted_profiles now: sqitch revert gives it back as it was';
END;
$$;

COMMENT ON PROCEDURE tenancy.change_places(regclass) IS
'Part of taking over a table: moves public.customer_shop_profiles to tenancy_archive.adopted_profiles and puts this table in '
'its place, with its rights and with ids above all drawn ones. The caller has locked both and public.customers. Example: CALL '
'tenancy.change_places(''tenancy.customer_shop_profiles'')';

COMMIT;
