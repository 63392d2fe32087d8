-- Deploy convo_tenancy:expand/stylists_id_shop_id to pg

-- The key that the composite foreign key of the profiles refers to.
-- Without a transaction: CREATE INDEX CONCURRENTLY cannot run inside one.

CALL tenancy.begin_change(in_transaction => FALSE);
SET statement_timeout = '2min';

-- An interrupted run leaves an index behind that is maintained but never valid.
SELECT 'DROP INDEX CONCURRENTLY public.stylists_id_shop_id_key'
FROM pg_catalog.pg_index AS i
WHERE i.indexrelid = to_regclass('public.stylists_id_shop_id_key')
    AND NOT i.indisvalid \gexec

-- It waits for transactions that are older, but nobody waits for it. When one of them does not end,
-- the check below says which.
\set ON_ERROR_STOP off
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS stylists_id_shop_id_key
ON public.stylists (id, shop_id);
\set ON_ERROR_STOP on

DO $$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        WHERE i.indexrelid = to_regclass('public.stylists_id_shop_id_key')
            AND i.indisvalid
    ) THEN
        RETURN;
    END IF;

    RAISE EXCEPTION 'could not build public.stylists_id_shop_id_key. End or wait for, then run the same again: %',
        coalesce(
            tenancy.describe_sessions(ARRAY(
                SELECT a.pid
                FROM pg_catalog.pg_stat_activity AS a
                WHERE a.datname = current_database()
                    AND a.pid <> pg_backend_pid()
                    AND (
                        a.backend_xmin IS NOT NULL
                        OR a.pid IN (
                            SELECT l.pid
                            FROM pg_catalog.pg_locks AS l
                            WHERE l.relation = 'public.stylists'::regclass
                        )
                    )
            )),
            'nobody any more'
        )
        USING ERRCODE = 'lock_not_available';
END;
$$;

COMMENT ON INDEX public.stylists_id_shop_id_key IS
'Lets customer_shop_profiles refer to a stylist together with the shop, so that a preferred stylist works in that shop.';
