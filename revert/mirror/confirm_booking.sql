-- Revert convo_tenancy:mirror/confirm_booking from pg

\set ON_ERROR_STOP on
\set change mirror/confirm_booking
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.note_confirmed_booking();
DROP FUNCTION IF EXISTS tenancy.lock_customer_of_booking(varchar, varchar);

COMMIT;
