-- Revert convo_tenancy:profiles/bookings_of from pg

\set ON_ERROR_STOP on
\set change profiles/bookings_of
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP VIEW IF EXISTS tenancy.customer_bookings;
DROP FUNCTION IF EXISTS tenancy.bookings_of(integer);
DROP FUNCTION IF EXISTS tenancy.bookings_of(integer, varchar, varchar);

COMMIT;
