-- Verify convo_tenancy:api/record_booking on pg

\set ON_ERROR_STOP on
\set change api/record_booking
\ir ../support/begin.sql

ROLLBACK;
