-- Verify convo_tenancy:mirror/repair_shops on pg

\set ON_ERROR_STOP on
\set change mirror/repair_shops
\ir ../support/begin.sql

ROLLBACK;
