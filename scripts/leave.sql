-- Drops schema tenancy for good, and what is in schema public of it: docs/leaving.md. Profiles stay. It waits for no lock longer than a
-- tenth of a second; if it fails, run it again. As the owner of the tables, after phase 3:
--
--   psql -X URL -f scripts/leave.sql

\set ON_ERROR_STOP on

SET search_path = pg_catalog;
SET client_min_messages = warning; -- CASCADE lists all that it drops
SET lock_timeout = '100ms';

DO $$
DECLARE
    users CONSTANT text := (
        SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
        FROM pg_depend AS d
        CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) AS used
        CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS by
        WHERE used.identity ~ '(^| )tenancy[.]'
            AND by.identity !~ '(^| )(tenancy|pg_toast)[.]'
            AND by.type <> 'trigger'
            AND (by.type <> 'policy' OR by.identity !~ '^(as_before|of_the_shop) on public[.]')
    );
BEGIN
    IF to_regprocedure('tenancy.has_legacy_side()') IS NOT NULL THEN
        IF tenancy.has_legacy_side() THEN
            RAISE EXCEPTION 'the legacy side is still there: deploy phase 3 first, or run sqitch revert'
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
    END IF;

    -- Without a policy such a table would show its rows to nobody.
    IF EXISTS (
        SELECT
        FROM pg_policy AS p
        JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE p.polname = 'as_before'
            AND c.relrowsecurity
    ) THEN
        RAISE EXCEPTION 'isolation is on: CALL tenancy.relax_isolation()'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    IF users IS NOT NULL THEN
        RAISE EXCEPTION 'schema tenancy is used, and nothing was dropped. Change or drop first: %', users
            USING ERRCODE = 'dependent_objects_still_exist';
    END IF;
END;
$$;

-- The key first: without the triggers it lets no stylist move.
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT IF EXISTS customer_shop_profiles_preferred_stylist_shop_fkey;
DROP INDEX CONCURRENTLY IF EXISTS public.stylists_id_shop_id_key;

-- One table at a time: CASCADE would lock them all at once.
SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
FROM pg_trigger AS t
JOIN pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE p.pronamespace = to_regnamespace('tenancy')
    AND c.relnamespace = to_regnamespace('public')
    AND NOT t.tgisinternal \gexec

SELECT format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass)
FROM pg_policy AS p
WHERE p.polname IN ('as_before', 'of_the_shop') \gexec

DROP SCHEMA IF EXISTS tenancy CASCADE;
