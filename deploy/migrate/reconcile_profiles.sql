-- Deploy convo_tenancy:migrate/reconcile_profiles to pg

-- Without a transaction: the reconcile commits each batch. Interrupted, it goes on where it was.

CALL tenancy.begin_change(in_transaction => FALSE);

CALL tenancy.run_reconcile();

BEGIN;

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.bookings');

DROP TRIGGER IF EXISTS catch_up_booking ON public.bookings;
DROP TRIGGER IF EXISTS catch_up_new_booking ON public.bookings;

COMMIT;
