-- Deploy convo_tenancy:mirror/mirrors to pg

-- All mirrors in one short transaction: from its commit on, every write is on both sides.

\set ON_ERROR_STOP on
\set change mirror/mirrors
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables(
    'SHARE ROW EXCLUSIVE',
    'public.bookings',
    'public.customers',
    'public.customer_booking_stats',
    'public.customer_shop_profiles',
    'public.customer_stylist_preferences'
);

CALL tenancy.attach_mirrors();

-- Until the reconcile is over, and no longer.
CREATE OR REPLACE TRIGGER catch_up_booking
BEFORE UPDATE ON public.bookings
FOR EACH ROW
WHEN (NEW.status = 'CONFIRMED' AND OLD.status <> 'CONFIRMED')
EXECUTE FUNCTION tenancy.catch_up_customer();

CREATE OR REPLACE TRIGGER catch_up_new_booking
BEFORE INSERT ON public.bookings
FOR EACH ROW
WHEN (NEW.status = 'CONFIRMED')
EXECUTE FUNCTION tenancy.catch_up_customer();

COMMENT ON TRIGGER catch_up_booking ON public.bookings IS
'During the reconcile: first mends the profiles of the booking''s customer.';
COMMENT ON TRIGGER catch_up_new_booking ON public.bookings IS
'During the reconcile: first mends the profiles of the booking''s customer.';

COMMIT;
