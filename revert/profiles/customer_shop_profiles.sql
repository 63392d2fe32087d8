-- Revert convo_tenancy:profiles/customer_shop_profiles from pg

\set ON_ERROR_STOP on
\set change profiles/customer_shop_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

-- A split by shop is more than the legacy side can hold, and so is what somebody wrote. Then the table moves to tenancy_archive as it
-- is, in constant time and with the record of who wrote it, and a later deploy moves both back; foreign keys see to it that a customer
-- who is deleted meanwhile is deleted there too. Where nobody but the split wrote, and it gave every customer the default
-- shop alone, or never came to its end, all that the table holds can be made again.

DO $$
BEGIN
    IF to_regclass('public.customer_shop_profiles') IS NULL THEN
        RETURN;
    END IF;

    CALL tenancy.lock_tables(
        'ACCESS EXCLUSIVE',
        'public.customers', 'public.customer_shop_profiles', 'public.shops', 'public.stylists'
    );

    IF NOT EXISTS (SELECT FROM tenancy.profile_origins)
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
                FROM public.customer_shop_profiles AS p
                CROSS JOIN tenancy.settings AS s
                WHERE p.shop_id <> s.default_shop_id
            )
        )
    THEN
        DROP TABLE public.customer_shop_profiles;
        DROP TABLE tenancy.profile_origins;
        RETURN;
    END IF;

    -- Their functions go; nobody writes what is put aside.
    DROP TRIGGER IF EXISTS record_origin_of_new ON public.customer_shop_profiles;
    DROP TRIGGER IF EXISTS record_origin_of_deleted ON public.customer_shop_profiles;
    DROP TRIGGER IF EXISTS record_origin ON public.customer_shop_profiles;

    CALL tenancy.create_archive_schema();
    ALTER TABLE public.customer_shop_profiles SET SCHEMA tenancy_archive;
    ALTER TABLE tenancy.profile_origins SET SCHEMA tenancy_archive;
    CALL tenancy.follow_deletions('tenancy_archive.customer_shop_profiles');
    CALL tenancy.follow_deletions('tenancy_archive.profile_origins');
END;
$$;

COMMIT;
