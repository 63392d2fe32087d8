-- Verify convo_tenancy:profiles/bookings_of on pg

\set ON_ERROR_STOP on
\set change profiles/bookings_of
\ir ../support/begin.sql

ROLLBACK;
