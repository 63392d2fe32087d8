-- Revert convo_tenancy:profiles/customer_shop_profiles from pg

\set ON_ERROR_STOP on
\set change profiles/customer_shop_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

-- A split by shop is more than the legacy side can hold. Then the table moves to tenancy_archive as it is,
-- in constant time, and a later deploy moves it back; its foreign keys stay, so that a customer who is
-- deleted meanwhile is deleted there too. Without foreign keys the backfill never ended, and all that the
-- table holds can be made again.

DO $$
BEGIN
    IF to_regclass('public.customer_shop_profiles') IS NULL THEN
        RETURN;
    END IF;

    CALL tenancy.lock_tables(
        'ACCESS EXCLUSIVE',
        'public.customers', 'public.customer_shop_profiles', 'public.shops', 'public.stylists'
    );

    -- As the record has it: a key that somebody renamed or dropped since says nothing.
    IF NOT EXISTS (
        SELECT
        FROM tenancy.deployed_parts AS d
        WHERE d.change = 'profiles/foreign_keys'
    )
    OR NOT EXISTS (
        SELECT
        FROM public.customer_shop_profiles AS p
        CROSS JOIN tenancy.settings AS s
        WHERE p.shop_id <> s.default_shop_id
    )
    THEN
        DROP TABLE public.customer_shop_profiles;
        RETURN;
    END IF;

    CALL tenancy.create_archive_schema();
    ALTER TABLE public.customer_shop_profiles SET SCHEMA tenancy_archive;
END;
$$;

COMMIT;
