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
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (
            NEW.id, NEW.shop_id, NEW.service_id, NEW.customer_phone, NEW.customer_email, NEW.start_at_utc, NEW.created_at, NEW.status
        ) IS NOT DISTINCT FROM (
            OLD.id, OLD.shop_id, OLD.service_id, OLD.customer_phone, OLD.customer_email, OLD.start_at_utc, OLD.created_at, OLD.status
        )
            AND (
                NEW.appointment_status <> 'NO_SHOW'
                OR (NEW.appointment_status, NEW.appointment_status_updated_at_utc)
                IS NOT DISTINCT FROM (OLD.appointment_status, OLD.appointment_status_updated_at_utc)
            )
        THEN
            RETURN NULL;
        END IF;
    END IF;

    INSERT INTO tenancy.unproven_bookings (booking_id)
    VALUES (NEW.id)
    ON CONFLICT ON CONSTRAINT unproven_bookings_pkey DO NOTHING;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mark_unproven_booking() IS
'Trigger: enters a booking in tenancy.unproven_bookings when a shop''s role writes what makes it evidence: customer, shop, '
'time, service, confirmation or no-show.';

-- Its condition asks who runs the statement, whatever function it is in, and calls no function of ours: who writes bookings may run
-- none.
CREATE OR REPLACE TRIGGER mark_unproven_booking
AFTER INSERT OR UPDATE ON public.bookings
FOR EACH ROW
WHEN (row_security_active('public.bookings'::regclass) AND pg_has_role(to_regrole('convo_shop')::oid, 'USAGE'))
EXECUTE FUNCTION tenancy.mark_unproven_booking();

COMMENT ON TRIGGER mark_unproven_booking ON public.bookings IS 'Notes which bookings a shop''s role wrote.';

COMMIT;
