-- Verify convo_tenancy:api/confirm_booking on pg

\set ON_ERROR_STOP on
\set change api/confirm_booking
\ir ../support/begin.sql

ROLLBACK;
