-- Deploy convo_tenancy:mirror/reconcile_profiles to pg

-- Several transactions: the reconcile commits each batch. Interrupted, it goes on where it was.

\set ON_ERROR_STOP on
\set change mirror/reconcile_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.keep_open(is_begun => FALSE);

COMMIT;

CALL tenancy.run_reconcile();

\ir ../support/begin.sql

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.bookings');
SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told

DROP TRIGGER IF EXISTS catch_up_booking ON public.bookings;
DROP TRIGGER IF EXISTS catch_up_new_booking ON public.bookings;

CALL tenancy.close_change('deploy');

COMMIT;
