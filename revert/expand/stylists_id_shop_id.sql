-- Revert convo_tenancy:expand/stylists_id_shop_id from pg

-- Without a transaction: DROP INDEX CONCURRENTLY cannot run inside one.

CALL tenancy.begin_change(in_transaction => FALSE);
SET statement_timeout = '2min';

DROP INDEX CONCURRENTLY IF EXISTS public.stylists_id_shop_id_key;
