-- Revert convo_tenancy:profiles/shop_check from pg

\set ON_ERROR_STOP on
\set change profiles/shop_check
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP VIEW IF EXISTS tenancy.misplaced_bookings;
DROP VIEW IF EXISTS tenancy.shop_check;

COMMIT;
