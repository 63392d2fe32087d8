-- Deploy convo_tenancy:mirror/mirror_statistics_to_profiles to pg

\set ON_ERROR_STOP on
\set change mirror/mirror_statistics_to_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.mirror_statistics_to_profiles()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    earlier tenancy.statistics; -- the customer's row before; NULL if there was none
    notes text := nullif(current_setting('tenancy.confirmed', TRUE), '');
    average integer;
    is_new_writer boolean;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.customer_id = OLD.customer_id THEN
        earlier := (OLD.customer_id, OLD.total_bookings, OLD.total_spend_cents, OLD.last_booking_at);
    ELSIF TG_OP <> 'INSERT' THEN
        -- The row went, and the totals with it.
        PERFORM tenancy.apply_residual(p.customer_id, p.shop_id, total_bookings => 0, total_spend_cents => 0)
        FROM (
            SELECT
                o.customer_id,
                min(o.shop_id) AS shop_id
            FROM public.customer_shop_profiles AS o
            WHERE o.customer_id = OLD.customer_id
            GROUP BY o.customer_id
        ) AS p;
    END IF;

    IF TG_OP = 'INSERT' AND NEW.total_bookings = 0 AND NEW.total_spend_cents = 0 AND NEW.last_booking_at IS NULL THEN
        RETURN NULL; -- says nothing
    END IF;

    IF TG_OP <> 'DELETE' THEN
        -- As the row is by now: a trigger of somebody else's may have written it again.
        SELECT
            s.total_bookings,
            s.total_spend_cents,
            s.last_booking_at
        INTO
            NEW.total_bookings,
            NEW.total_spend_cents,
            NEW.last_booking_at
        FROM public.customer_booking_stats AS s
        WHERE s.customer_id = NEW.customer_id;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;

        PERFORM tenancy.apply_residual(
            NEW.customer_id,
            tenancy.attributed_shop(NEW.customer_id, NEW.last_booking_at, earlier.last_booking_at),
            total_bookings => NEW.total_bookings,
            total_spend_cents => NEW.total_spend_cents,
            last_booking_at => nullif(NEW.last_booking_at, earlier.last_booking_at),
            earlier => earlier
        );

        -- The confirmed booking is counted. The application compared the new average with one that it read before
        -- the booking locked the customer: what it did not write back, is written here.
        IF notes::jsonb ? NEW.customer_id::text THEN
            notes := set_config('tenancy.confirmed', (notes::jsonb - NEW.customer_id::text)::text, TRUE);
            average := NEW.total_spend_cents / nullif(greatest(NEW.total_bookings, 0), 0);

            IF (SELECT c.average_spend_cents <> average FROM public.customers AS c WHERE c.id = NEW.customer_id) THEN
                UPDATE public.customers AS c
                SET
                    average_spend_cents = average,
                    updated_at = now()
                WHERE c.id = NEW.customer_id;
            END IF;
        END IF;
    END IF;

    is_new_writer := tenancy.count_legacy_write(); -- cheaper than PERFORM
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mirror_statistics_to_profiles() IS
'Trigger: carries a write to customer_booking_stats to the profile of the shop that it belongs to (tenancy.attributed_shop), by '
'the residual rule. An inserted row of zeros says nothing; a deleted one, that the totals are zero.';

COMMIT;
