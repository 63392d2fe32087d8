-- Verify convo_tenancy:mirror/confirm_booking on pg

\set ON_ERROR_STOP on
\set change mirror/confirm_booking
\ir ../support/begin.sql

ROLLBACK;
