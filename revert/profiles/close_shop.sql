-- Revert convo_tenancy:profiles/close_shop from pg

\set ON_ERROR_STOP on
\set change profiles/close_shop
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.shops', 'tenancy.settings');

DROP TRIGGER IF EXISTS shop_closes ON public.shops;
DROP TRIGGER IF EXISTS shop_changes_id ON public.shops;
DROP TRIGGER IF EXISTS shops_truncated ON public.shops;
DROP FUNCTION IF EXISTS tenancy.keep_shop_history();
DROP PROCEDURE IF EXISTS tenancy.close_shop(integer, integer, integer);
DROP FUNCTION IF EXISTS tenancy.close_step(integer[], integer, integer);
DROP FUNCTION IF EXISTS tenancy.move_history(integer[], integer, integer);
ALTER TABLE tenancy.settings DROP CONSTRAINT IF EXISTS settings_default_shop_id_fkey;

COMMIT;
