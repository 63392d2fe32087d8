-- Deploy convo_tenancy:profiles/bookings_of to pg

\set ON_ERROR_STOP on
\set change profiles/bookings_of
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

-- Written from isolation/unproven_bookings on. What an earlier revert put aside comes back.
DO $$
BEGIN
    IF tenancy.is_put_aside('unproven_bookings') AND to_regclass('tenancy.unproven_bookings') IS NULL THEN
        ALTER TABLE tenancy_archive.unproven_bookings SET SCHEMA tenancy;
        PERFORM tenancy.drop_archive_schema(); -- which may hold something else, too
    END IF;
END;
$$;

CREATE TABLE IF NOT EXISTS tenancy.unproven_bookings (
    booking_id uuid NOT NULL,
    CONSTRAINT unproven_bookings_pkey PRIMARY KEY (booking_id)
);

COMMENT ON TABLE tenancy.unproven_bookings IS
'Bookings that a member of convo_shop wrote, with any phone and time it liked. They are evidence only as far as the counts of '
'the shop''s stylists, which such a role raises only by the SQL API, confirm them, or after another role confirms them. A row '
'outlives its booking, which may return.';
COMMENT ON COLUMN tenancy.unproven_bookings.booking_id IS 'The booking.';

-- Neither has a SET clause: it would keep the planner from inlining them into the backfill's batches. Their
-- bodies are parsed when they are created, so no search_path can change what they mean.
CREATE OR REPLACE FUNCTION tenancy.bookings_of(customer_id integer, phone varchar, email varchar)
RETURNS TABLE (
    id uuid,
    shop_id integer,
    service_id integer,
    stylist_id integer,
    status public.bookingstatus,
    appointment_status public.appointmentstatus,
    start_at_utc timestamptz,
    created_at timestamptz,
    marked_at timestamptz,
    is_unproven boolean
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        b.id,
        b.shop_id,
        b.service_id,
        b.stylist_id,
        b.status,
        b.appointment_status,
        b.start_at_utc,
        b.created_at,
        coalesce(b.appointment_status_updated_at_utc, b.start_at_utc),
        EXISTS (SELECT FROM tenancy.unproven_bookings AS u WHERE u.booking_id = b.id) -- noqa: CP03,LT01,LT06
    FROM public.bookings AS b
    WHERE b.customer_phone = bookings_of.phone
        AND NOT EXISTS (
            SELECT
            FROM public.customers AS elder
            WHERE elder.phone = bookings_of.phone
                AND elder.id < bookings_of.customer_id
        )
    UNION ALL
    SELECT
        b.id,
        b.shop_id,
        b.service_id,
        b.stylist_id,
        b.status,
        b.appointment_status,
        b.start_at_utc,
        b.created_at,
        coalesce(b.appointment_status_updated_at_utc, b.start_at_utc),
        EXISTS (SELECT FROM tenancy.unproven_bookings AS u WHERE u.booking_id = b.id) -- noqa: CP03,LT01,LT06
    FROM public.bookings AS b
    WHERE b.customer_email = bookings_of.email
        AND (b.customer_phone = bookings_of.phone) IS NOT TRUE -- the first half has those; saves a probe
        AND NOT EXISTS (
            SELECT
            FROM public.customers AS named_by_phone
            WHERE named_by_phone.phone = b.customer_phone
        );
END;

COMMENT ON FUNCTION tenancy.bookings_of(integer, varchar, varchar) IS
'The bookings of the customer with this id, phone and email, in every status. A booking belongs to the customer with its phone; '
'if there is none, to the one with its email. If customers share a phone, the lowest id has it, as in the legacy application. '
'is_unproven: whether it is in tenancy.unproven_bookings.';

CREATE OR REPLACE FUNCTION tenancy.bookings_of(customer_id integer)
RETURNS TABLE (
    id uuid,
    shop_id integer,
    service_id integer,
    stylist_id integer,
    status public.bookingstatus,
    appointment_status public.appointmentstatus,
    start_at_utc timestamptz,
    created_at timestamptz,
    marked_at timestamptz,
    is_unproven boolean
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.*
    FROM public.customers AS c
    CROSS JOIN LATERAL tenancy.bookings_of(c.id, c.phone, c.email) AS b
    WHERE c.id = bookings_of.customer_id;
END;

COMMENT ON FUNCTION tenancy.bookings_of(integer) IS
'The bookings of one customer, in every status. Example: SELECT * FROM tenancy.bookings_of(42)';

-- The same as joins: a planner reads whole tables by them, and the indexes for some customers. With its owner's rights, alone of
-- all views: it tells whose a booking is to the health check, which may read no phone and no email.
CREATE OR REPLACE VIEW tenancy.customer_bookings (
    customer_id, id, shop_id, service_id, stylist_id, status, appointment_status, start_at_utc, created_at, marked_at
)
AS
SELECT
    c.id,
    b.id,
    b.shop_id,
    b.service_id,
    b.stylist_id,
    b.status,
    b.appointment_status,
    b.start_at_utc,
    b.created_at,
    coalesce(b.appointment_status_updated_at_utc, b.start_at_utc)
FROM public.customers AS c
JOIN public.bookings AS b ON b.customer_phone = c.phone
WHERE NOT EXISTS (
        SELECT
        FROM public.customers AS elder
        WHERE elder.phone = c.phone
            AND elder.id < c.id
    )
UNION ALL
SELECT
    c.id,
    b.id,
    b.shop_id,
    b.service_id,
    b.stylist_id,
    b.status,
    b.appointment_status,
    b.start_at_utc,
    b.created_at,
    coalesce(b.appointment_status_updated_at_utc, b.start_at_utc)
FROM public.customers AS c
JOIN public.bookings AS b ON b.customer_email = c.email
WHERE NOT EXISTS (
        SELECT
        FROM public.customers AS named_by_phone
        WHERE named_by_phone.phone = b.customer_phone
    );

COMMENT ON VIEW tenancy.customer_bookings IS
'The bookings of all customers, in every status: like tenancy.bookings_of(), but for whole tables. Example: SELECT count(*) '
'FROM tenancy.customer_bookings AS b WHERE b.customer_id = 42';
COMMENT ON COLUMN tenancy.customer_bookings.customer_id IS 'The customer of the booking.';
COMMENT ON COLUMN tenancy.customer_bookings.id IS 'The booking.';
COMMENT ON COLUMN tenancy.customer_bookings.shop_id IS 'Its shop.';
COMMENT ON COLUMN tenancy.customer_bookings.service_id IS 'Its primary service.';
COMMENT ON COLUMN tenancy.customer_bookings.stylist_id IS 'Its stylist.';
COMMENT ON COLUMN tenancy.customer_bookings.status IS 'HOLD, CONFIRMED or EXPIRED.';
COMMENT ON COLUMN tenancy.customer_bookings.appointment_status IS 'What became of the appointment, such as NO_SHOW.';
COMMENT ON COLUMN tenancy.customer_bookings.start_at_utc IS 'When it starts.';
COMMENT ON COLUMN tenancy.customer_bookings.created_at IS 'When it was made.';
COMMENT ON COLUMN tenancy.customer_bookings.marked_at IS 'When appointment_status was written; if unknown, the start.';

COMMIT;
