-- Revert convo_tenancy:isolation/unproven_bookings from pg

\set ON_ERROR_STOP on
\set change isolation/unproven_bookings
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.bookings');

DROP TRIGGER IF EXISTS mark_unproven_booking ON public.bookings;
DROP FUNCTION IF EXISTS tenancy.mark_unproven_booking();

COMMIT;
