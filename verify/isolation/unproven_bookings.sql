-- Verify convo_tenancy:isolation/unproven_bookings on pg

\set ON_ERROR_STOP on
\set change isolation/unproven_bookings
\ir ../support/begin.sql

ROLLBACK;
