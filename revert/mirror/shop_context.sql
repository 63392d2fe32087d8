-- Revert convo_tenancy:mirror/shop_context from pg

\set ON_ERROR_STOP on
\set change mirror/shop_context
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.checked_shop_context();
DROP FUNCTION IF EXISTS tenancy.shop_context();

COMMIT;
