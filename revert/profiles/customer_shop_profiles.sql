-- Revert convo_tenancy:profiles/customer_shop_profiles from pg

\set ON_ERROR_STOP on
\set change profiles/customer_shop_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

-- A split by shop is more than the legacy side can hold, and so is what somebody wrote. Then the table moves to tenancy_archive as it
-- is, in constant time and with the record of who wrote it, and a later deploy moves both back; foreign keys see to it that a customer
-- who is deleted meanwhile is deleted there too. Where nobody but the split wrote, and it gave every customer the default
-- shop alone, or never came to its end, all that the table holds can be made again.
--
-- A table that was taken over comes back from tenancy_archive, as it was.

DO $$
DECLARE
    is_adopted CONSTANT boolean NOT NULL := tenancy.is_put_aside('adopted_profiles');
    is_divided CONSTANT boolean NOT NULL := coalesce((SELECT a.is_divided FROM tenancy.adoption AS a), TRUE);
    put_aside_as CONSTANT text NOT NULL := to_char(clock_timestamp(), '"interrupted_profiles_"YYYYMMDDHH24MISS');
    part record;
BEGIN
    IF to_regclass('public.customer_shop_profiles') IS NULL THEN
        RETURN;
    END IF;

    -- Interrupted while it was copied: it is theirs still.
    IF to_regclass('tenancy.profile_origins') IS NULL THEN
        CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_shop_profiles');
        DROP TRIGGER IF EXISTS copy_profile ON public.customer_shop_profiles;
        DROP TRIGGER IF EXISTS copy_truncate ON public.customer_shop_profiles;
        DROP TABLE IF EXISTS tenancy.customer_shop_profiles;
        DELETE FROM tenancy.adoption;
        RETURN;
    END IF;

    CALL tenancy.lock_tables(
        'ACCESS EXCLUSIVE',
        VARIADIC ARRAY['public.customers', 'public.customer_shop_profiles', 'public.shops', 'public.stylists']
        || CASE WHEN is_adopted THEN '{tenancy_archive.adopted_profiles}'::text[] END
    );

    DELETE FROM tenancy.adoption;

    -- Out of the way of what comes back
    ALTER TABLE public.customer_shop_profiles SET SCHEMA tenancy;
    IF is_adopted THEN
        ALTER TABLE tenancy_archive.adopted_profiles DROP CONSTRAINT IF EXISTS adopted_profiles_customer_id_fkey;
        ALTER TABLE tenancy_archive.adopted_profiles RENAME TO customer_shop_profiles;
        ALTER TABLE tenancy_archive.customer_shop_profiles SET SCHEMA public;
        RAISE INFO 'public.customer_shop_profiles is again the table that was taken over, as it was then';
    END IF;

    IF is_divided
        AND NOT EXISTS (SELECT FROM tenancy.profile_origins)
        AND (
            -- As the record has it: a key that somebody renamed or dropped since says nothing. One that came back with a table which
            -- was put aside is in it, too.
            NOT EXISTS (
                SELECT
                FROM tenancy.deployed_parts AS d
                WHERE d.kind = 'constraint'
                    AND d.name LIKE '% on public.customer\_shop\_profiles'
                    AND d.definition LIKE 'FOREIGN KEY %'
            )
            OR NOT EXISTS (
                SELECT
                FROM tenancy.customer_shop_profiles AS p
                CROSS JOIN tenancy.settings AS s
                WHERE p.shop_id <> s.default_shop_id
            )
        )
    THEN
        DROP TABLE tenancy.customer_shop_profiles;
        DROP TABLE tenancy.profile_origins;
        RAISE INFO 'no profile was archived: sqitch deploy --to @phase1 makes all of them again from the legacy side';
        IF is_adopted THEN
            PERFORM tenancy.drop_archive_schema(); -- which may hold something else
        END IF;
        RETURN;
    END IF;

    -- Their functions go; nobody writes what is put aside.
    DROP TRIGGER IF EXISTS record_origin_of_new ON tenancy.customer_shop_profiles;
    DROP TRIGGER IF EXISTS record_origin_of_deleted ON tenancy.customer_shop_profiles;
    DROP TRIGGER IF EXISTS record_origin ON tenancy.customer_shop_profiles;

    CALL tenancy.create_archive_schema();
    IF NOT is_divided THEN
        -- Most are where the ADR's own statement put them, so a later deploy must not take them back.
        FOR part IN
            SELECT
                c.relname AS name,
                CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END AS kind,
                row_number() OVER (ORDER BY c.oid) AS number
            FROM pg_class AS c
            WHERE c.oid IN (
                SELECT i.indexrelid
                FROM pg_index AS i
                WHERE i.indrelid = 'tenancy.customer_shop_profiles'::regclass
                UNION ALL
                SELECT pg_get_serial_sequence('tenancy.customer_shop_profiles', 'id')::regclass
            )
        LOOP
            -- Their names are those of what comes to the archive with a later deploy.
            EXECUTE format('ALTER %s tenancy.%I RENAME TO %I', part.kind, part.name, format('%s_%s', put_aside_as, part.number));
        END LOOP;
        EXECUTE format('ALTER TABLE tenancy.customer_shop_profiles RENAME TO %I', put_aside_as);
        EXECUTE format('ALTER TABLE tenancy.%I SET SCHEMA tenancy_archive', put_aside_as);
        CALL tenancy.follow_deletions(format('tenancy_archive.%I', put_aside_as)::regclass);
        DROP TABLE tenancy.profile_origins;
        RAISE WARNING 'only tenancy_archive.% has what was written to the profiles since the table was taken over: copy '
            'what matters, then drop that table', put_aside_as;
        RETURN;
    END IF;

    ALTER TABLE tenancy.customer_shop_profiles SET SCHEMA tenancy_archive;
    ALTER TABLE tenancy.profile_origins SET SCHEMA tenancy_archive;
    CALL tenancy.follow_deletions('tenancy_archive.customer_shop_profiles');
    CALL tenancy.follow_deletions('tenancy_archive.profile_origins');
    RAISE INFO 'the profiles are now in tenancy_archive.customer_shop_profiles, and stale from now on: sqitch deploy --to @phase1 '
        'takes them back';
END;
$$;

COMMIT;
