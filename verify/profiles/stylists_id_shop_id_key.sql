-- Verify convo_tenancy:profiles/stylists_id_shop_id_key on pg

\set ON_ERROR_STOP on
\set change profiles/stylists_id_shop_id_key
\ir ../support/begin.sql

ROLLBACK;
