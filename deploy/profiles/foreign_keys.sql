-- Deploy convo_tenancy:profiles/foreign_keys to pg

-- In three steps, each in its own transaction: in force for every write from a moment on (a short strong
-- lock), what the backfill left without a parent mended, then all rows checked while everyone goes on.

\set ON_ERROR_STOP on
\set change profiles/foreign_keys
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables(
    'SHARE ROW EXCLUSIVE',
    'public.customers', 'public.customer_shop_profiles', 'public.shops', 'public.stylists'
);

CALL tenancy.keep_open(is_begun => TRUE);

DO $$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
DECLARE
    foreign_key record;
BEGIN
    FOR foreign_key IN
        SELECT
            k.name,
            k.definition
        FROM (
            VALUES
                (
                    'customer_shop_profiles_customer_id_fkey',
                    'FOREIGN KEY (customer_id) REFERENCES public.customers (id) ON DELETE CASCADE'
                ),
                (
                    'customer_shop_profiles_shop_id_fkey',
                    'FOREIGN KEY (shop_id) REFERENCES public.shops (id) ON DELETE CASCADE'
                ),
                (
                    'customer_shop_profiles_preferred_stylist_id_fkey',
                    'FOREIGN KEY (preferred_stylist_id) REFERENCES public.stylists (id) ON DELETE SET NULL'
                ),
                -- The ADR says that the key above "validates shop match". That takes the shop in the key.
                (
                    'customer_shop_profiles_preferred_stylist_shop_fkey',
                    'FOREIGN KEY (preferred_stylist_id, shop_id) REFERENCES public.stylists (id, shop_id) '
                    'ON DELETE SET NULL (preferred_stylist_id)'
                )
        ) AS k (name, definition)
        WHERE NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_constraint AS c
            WHERE c.conrelid = 'public.customer_shop_profiles'::regclass
                AND c.conname = k.name
        )
    LOOP
        EXECUTE format(
            'ALTER TABLE public.customer_shop_profiles ADD CONSTRAINT %I %s NOT VALID',
            foreign_key.name, foreign_key.definition
        );
    END LOOP;
END;
$$;

ALTER TABLE public.customer_shop_profiles RESET (autovacuum_enabled);

COMMIT;

BEGIN;

CALL tenancy.lock_to_read();

-- Customers and shops that were deleted after their batch of the backfill.
DELETE FROM public.customer_shop_profiles AS p
WHERE NOT EXISTS (SELECT FROM public.customers AS c WHERE c.id = p.customer_id);

DELETE FROM public.customer_shop_profiles AS p
WHERE NOT EXISTS (SELECT FROM public.shops AS s WHERE s.id = p.shop_id);

-- Stylists who left or moved, before the triggers of profiles/stylist_moves or around them.
UPDATE public.customer_shop_profiles AS p
SET
    preferred_stylist_id = NULL,
    updated_at = now()
WHERE p.preferred_stylist_id IS NOT NULL
    AND NOT EXISTS (
        SELECT
        FROM public.stylists AS s
        WHERE s.id = p.preferred_stylist_id
            AND s.shop_id = p.shop_id
    );

COMMIT;

CALL tenancy.validate_constraint('public.customer_shop_profiles', 'customer_shop_profiles_customer_id_fkey');
CALL tenancy.validate_constraint('public.customer_shop_profiles', 'customer_shop_profiles_shop_id_fkey');
CALL tenancy.validate_constraint('public.customer_shop_profiles', 'customer_shop_profiles_preferred_stylist_id_fkey');
CALL tenancy.validate_constraint('public.customer_shop_profiles', 'customer_shop_profiles_preferred_stylist_shop_fkey');

\ir ../support/begin.sql

CALL tenancy.close_change('deploy');

COMMIT;
