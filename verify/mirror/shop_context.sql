-- Verify convo_tenancy:mirror/shop_context on pg

\set ON_ERROR_STOP on
\set change mirror/shop_context
\ir ../support/begin.sql

ROLLBACK;
