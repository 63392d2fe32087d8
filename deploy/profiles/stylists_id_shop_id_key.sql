-- Deploy convo_tenancy:profiles/stylists_id_shop_id_key to pg

-- The key that the composite foreign key of the profiles refers to. Built under a lock: there are hundreds of stylists, and to build it
-- CONCURRENTLY would wait for every other transaction, one of an application that starts or of another sqitch included.

\set ON_ERROR_STOP on
\set change profiles/stylists_id_shop_id_key
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.stylists');
SET LOCAL client_min_messages = warning; -- of what is there already, nobody need be told

-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX IF NOT EXISTS stylists_id_shop_id_key
ON public.stylists (id, shop_id);

COMMENT ON INDEX public.stylists_id_shop_id_key IS
'Lets customer_shop_profiles refer to a stylist together with the shop, so that a preferred stylist works in that shop.';

COMMIT;
