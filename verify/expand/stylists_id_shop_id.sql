-- Verify convo_tenancy:expand/stylists_id_shop_id on pg

BEGIN;

SELECT 1 / count(*)
FROM pg_catalog.pg_index AS i
WHERE i.indexrelid = 'public.stylists_id_shop_id_key'::regclass
    AND i.indrelid = 'public.stylists'::regclass
    AND i.indisunique
    AND i.indisvalid;

ROLLBACK;
