-- Deploy convo_tenancy:mirror/follow_counts to pg

\set ON_ERROR_STOP on
\set change mirror/follow_counts
\ir ../support/begin.sql
\if :is_done \quit \endif

-- No SET clause, so that it is inlined.
CREATE OR REPLACE FUNCTION tenancy.more_booked(
    stylist_id integer,
    booking_count integer,
    other_stylist_id integer,
    other_booking_count integer
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN booking_count IS NULL THEN other_stylist_id
    WHEN other_booking_count IS NULL THEN stylist_id
    WHEN (booking_count, other_stylist_id) > (other_booking_count, stylist_id) THEN stylist_id
    ELSE other_stylist_id
END;

COMMENT ON FUNCTION tenancy.more_booked(integer, integer, integer, integer) IS
'The one of two stylists with the higher count of bookings; if counts are equal, the lower id. A stylist without a count loses. '
'Example: tenancy.more_booked(7, 3, 5, 3) = 5';

CREATE OR REPLACE FUNCTION tenancy.follow_counts(
    preferred_stylist_id integer,
    customer_id integer,
    shop_id integer,
    stylist_id integer,
    count_before integer,
    count_after integer
)
RETURNS integer
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
BEGIN
    -- The usual case, at no cost: one more booking with the stylist who is preferred.
    IF preferred_stylist_id = stylist_id AND count_after >= count_before THEN
        RETURN preferred_stylist_id;
    END IF;

    SELECT
        p.stylist_id,
        p.booking_count
    INTO other
    FROM public.customer_stylist_preferences AS p
    JOIN public.stylists AS s ON s.id = p.stylist_id
    WHERE p.customer_id = follow_counts.customer_id
        AND s.shop_id = follow_counts.shop_id
        AND p.stylist_id <> follow_counts.stylist_id
    ORDER BY p.booking_count DESC, p.stylist_id
    LIMIT 1;

    RETURN CASE
        WHEN preferred_stylist_id IS NULL
            OR preferred_stylist_id = tenancy.more_booked(stylist_id, count_before, other.stylist_id, other.booking_count)
            THEN tenancy.more_booked(stylist_id, count_after, other.stylist_id, other.booking_count)
        ELSE preferred_stylist_id
    END;
END;
$$;

COMMENT ON FUNCTION tenancy.follow_counts(integer, integer, integer, integer, integer, integer) IS
'The preferred stylist of a customer in a shop after the count of one stylist there changed (NULL: no count). It is the stylist '
'booked most if nobody, or the one booked most before, was preferred; otherwise it stays: counts never override a choice. '
'Example: SELECT tenancy.follow_counts(NULL, 42, 3, 7, NULL, 1)';

COMMIT;
