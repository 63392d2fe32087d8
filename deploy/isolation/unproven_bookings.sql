-- Deploy convo_tenancy:isolation/unproven_bookings to pg

\set ON_ERROR_STOP on
\set change isolation/unproven_bookings
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE ROW EXCLUSIVE', 'public.bookings');

CREATE OR REPLACE FUNCTION tenancy.mark_unproven_booking()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF tenancy.is_restricted() THEN
        INSERT INTO tenancy.unproven_bookings (booking_id)
        VALUES (NEW.id)
        ON CONFLICT ON CONSTRAINT unproven_bookings_pkey DO NOTHING;
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mark_unproven_booking() IS
'Trigger: enters a booking in tenancy.unproven_bookings when a member of convo_shop writes what makes it evidence: whose it is, '
'where, when, for what price, and whether it is confirmed.';

-- Its condition calls no function of ours: who writes bookings may run none.
CREATE OR REPLACE TRIGGER mark_unproven_booking
AFTER INSERT OR UPDATE OF id, shop_id, service_id, customer_phone, customer_email, start_at_utc, created_at, status
ON public.bookings
FOR EACH ROW
WHEN (pg_has_role(to_regrole('convo_shop')::oid, 'USAGE'))
EXECUTE FUNCTION tenancy.mark_unproven_booking();

COMMENT ON TRIGGER mark_unproven_booking ON public.bookings IS 'Notes which bookings a shop''s role wrote.';

COMMIT;
