-- Revert convo_tenancy:profiles/foreign_keys from pg

-- Only the composite key goes, for the index on stylists that it stands on. The others stay as long as
-- the table: a customer who is deleted must be deleted in what a revert puts aside, too.

\set ON_ERROR_STOP on
\set change profiles/foreign_keys
\ir ../support/begin.sql
\if :is_done \quit \endif

DO $$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conrelid = to_regclass('public.customer_shop_profiles')
            AND c.conname = 'customer_shop_profiles_preferred_stylist_shop_fkey'
    ) THEN
        CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customer_shop_profiles', 'public.stylists');
        ALTER TABLE public.customer_shop_profiles
        DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey;
    END IF;
END;
$$;

COMMIT;
