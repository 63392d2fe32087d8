-- Deploy convo_tenancy:profiles/evidence to pg

\set ON_ERROR_STOP on
\set change profiles/evidence
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

CREATE TABLE IF NOT EXISTS tenancy.moved_stylists (
    stylist_id integer NOT NULL,
    CONSTRAINT moved_stylists_pkey PRIMARY KEY (stylist_id)
);

COMMENT ON TABLE tenancy.moved_stylists IS
'Stylists who moved to another shop. Their counts do not tell in which shop the bookings were, so they are no evidence. Written '
'by a trigger when a stylist moves, and by tenancy.note_moved_stylists() for earlier moves.';
COMMENT ON COLUMN tenancy.moved_stylists.stylist_id IS 'The stylist.';

CREATE OR REPLACE FUNCTION tenancy.note_moved_stylists()
RETURNS void
LANGUAGE sql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO tenancy.moved_stylists (stylist_id)
    SELECT DISTINCT b.stylist_id
    FROM public.bookings AS b
    JOIN public.stylists AS s ON s.id = b.stylist_id
    WHERE b.shop_id <> s.shop_id
    ON CONFLICT ON CONSTRAINT moved_stylists_pkey DO NOTHING;
$$;

COMMENT ON FUNCTION tenancy.note_moved_stylists() IS
'Enters in tenancy.moved_stylists each stylist who has bookings in another shop: they moved before the trigger was there. Reads '
'all bookings. Example: SELECT tenancy.note_moved_stylists()';

CREATE OR REPLACE VIEW tenancy.shop_counts (customer_id, shop_id, booking_count)
WITH (security_invoker = TRUE)
AS
SELECT
    p.customer_id,
    s.shop_id,
    p.booking_count
FROM public.customer_stylist_preferences AS p
JOIN public.stylists AS s ON s.id = p.stylist_id
LEFT JOIN tenancy.moved_stylists AS m ON m.stylist_id = p.stylist_id
WHERE m.stylist_id IS NULL;

COMMENT ON VIEW tenancy.shop_counts IS
'The stylists'' counts (customer_stylist_preferences) that are evidence for a shop: all but those of stylists who moved. '
'Example: SELECT shop_id, sum(booking_count) FROM tenancy.shop_counts WHERE customer_id = 42 GROUP BY shop_id';
COMMENT ON COLUMN tenancy.shop_counts.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.shop_counts.shop_id IS 'The stylist''s shop.';
COMMENT ON COLUMN tenancy.shop_counts.booking_count IS 'The customer''s bookings with the stylist.';

-- Every window has the customer in its PARTITION BY: so a condition on customer_id reaches the indexes.
CREATE OR REPLACE VIEW tenancy.evidence_items (
    customer_id, shop_id, booking_id, start_at_utc, created_at, is_confirmed, is_no_show, marked_at, price_cents,
    amount, number, counted, place, is_unproven
)
WITH (security_invoker = TRUE)
AS
SELECT
    i.customer_id,
    i.shop_id,
    i.booking_id,
    i.start_at_utc,
    i.created_at,
    i.is_confirmed,
    i.is_no_show,
    i.marked_at,
    CASE WHEN NOT i.is_unproven THEN i.price_cents END,
    CASE WHEN i.booking_id IS NULL THEN greatest(i.counted - i.number, 0) ELSE i.is_confirmed::integer END,
    CASE WHEN i.booking_id IS NULL THEN greatest(i.counted, i.number) ELSE i.number END,
    i.counted,
    CASE
        WHEN i.booking_id IS NULL THEN 2
        WHEN i.number <= i.counted THEN 1
        ELSE 3
    END,
    i.is_unproven
FROM (
    SELECT
        e.customer_id,
        e.shop_id,
        e.booking_id,
        e.start_at_utc,
        e.created_at,
        e.is_confirmed,
        e.is_no_show,
        e.marked_at,
        e.price_cents,
        e.is_unproven,
        count(*) FILTER (WHERE e.is_confirmed) OVER in_order AS number,
        coalesce(max(e.counted) OVER in_shop, 0) AS counted
    FROM (
        SELECT
            c.id AS customer_id,
            b.shop_id,
            b.id AS booking_id,
            b.start_at_utc,
            b.created_at,
            b.status = 'CONFIRMED' AS is_confirmed,
            b.status = 'CONFIRMED' AND b.appointment_status = 'NO_SHOW' AND NOT b.is_unproven AS is_no_show,
            b.marked_at,
            v.price_cents,
            b.is_unproven,
            NULL::bigint AS counted
        FROM public.customers AS c
        CROSS JOIN LATERAL tenancy.bookings_of(c.id, c.phone, c.email) AS b
        JOIN public.services AS v ON v.id = b.service_id
        UNION ALL
        SELECT -- named: else a restored dump would have other names
            n.customer_id,
            n.shop_id,
            NULL AS booking_id,
            NULL AS start_at_utc,
            NULL AS created_at,
            FALSE AS is_confirmed,
            FALSE AS is_no_show,
            NULL AS marked_at,
            NULL AS price_cents,
            TRUE AS is_unproven, -- so it comes last
            sum(n.booking_count) AS counted
        FROM tenancy.shop_counts AS n
        GROUP BY
            n.customer_id,
            n.shop_id
    ) AS e
    WINDOW
        in_shop AS (PARTITION BY e.customer_id, e.shop_id),
        in_order AS (
            PARTITION BY e.customer_id, e.shop_id ORDER BY e.is_unproven, e.created_at, e.booking_id
            ROWS UNBOUNDED PRECEDING
        )
) AS i
-- What a shop's role wrote has what is left of the counts.
WHERE i.booking_id IS NULL
    OR NOT i.is_unproven
    OR (i.is_confirmed AND i.number <= i.counted);

COMMENT ON VIEW tenancy.evidence_items IS
'The evidence item by item: a row for each booking, and one for what the shop''s counts show beyond the confirmed bookings. The '
'split takes rows by place, created_at, booking_id and shop_id. Example: SELECT * FROM tenancy.evidence_items AS i WHERE '
'i.customer_id = 42 ORDER BY i.place, i.created_at, i.booking_id';
COMMENT ON COLUMN tenancy.evidence_items.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.evidence_items.shop_id IS 'The shop.';
COMMENT ON COLUMN tenancy.evidence_items.booking_id IS 'The booking; NULL in the row that only counts show.';
COMMENT ON COLUMN tenancy.evidence_items.start_at_utc IS 'When the booking starts.';
COMMENT ON COLUMN tenancy.evidence_items.created_at IS 'When the booking was made.';
COMMENT ON COLUMN tenancy.evidence_items.is_confirmed IS 'Whether it is CONFIRMED; no other booking can have been counted.';
COMMENT ON COLUMN tenancy.evidence_items.is_no_show IS 'Whether it is CONFIRMED and marked NO_SHOW; false for an unproven booking.';
COMMENT ON COLUMN tenancy.evidence_items.marked_at IS 'When appointment_status was written; if unknown, the start.';
COMMENT ON COLUMN tenancy.evidence_items.price_cents IS
'List price of its primary service, in cents; NULL for counts and for an unproven booking.';
COMMENT ON COLUMN tenancy.evidence_items.is_unproven IS 'Whether service and start are unknown, or only a shop''s role says them.';
COMMENT ON COLUMN tenancy.evidence_items.amount IS 'How many bookings this row stands for; 0 if not CONFIRMED.';
COMMENT ON COLUMN tenancy.evidence_items.number IS 'How many bookings the shop''s evidence shows up to this row, in this order.';
COMMENT ON COLUMN tenancy.evidence_items.counted IS 'The sum of the shop''s counts, without stylists who moved.';
COMMENT ON COLUMN tenancy.evidence_items.place IS
'Rank as evidence: 1 a booking that the counts confirm, 2 what only counts show (cancelled bookings), 3 a booking beyond the '
'counts (usually a public confirm).';

-- Whole tables in one pass; a condition on customer_id reaches the indexes.
CREATE OR REPLACE VIEW tenancy.evidence (customer_id, shop_id, bookings, booked_cents, no_shows, counted)
WITH (security_invoker = TRUE)
AS
SELECT
    e.customer_id,
    e.shop_id,
    sum(e.bookings)::bigint,
    sum(e.booked_cents)::bigint,
    sum(e.no_shows)::bigint,
    sum(e.counted)::bigint
FROM (
    SELECT
        b.customer_id,
        b.shop_id,
        1 AS bookings,
        v.price_cents AS booked_cents,
        (b.appointment_status = 'NO_SHOW')::integer AS no_shows,
        0 AS counted
    FROM tenancy.customer_bookings AS b
    JOIN public.services AS v ON v.id = b.service_id
    WHERE b.status = 'CONFIRMED'
    UNION ALL
    SELECT
        n.customer_id,
        n.shop_id,
        0,
        0,
        0,
        n.booking_count
    FROM tenancy.shop_counts AS n
) AS e
GROUP BY
    e.customer_id,
    e.shop_id;

COMMENT ON VIEW tenancy.evidence IS
'What bookings and stylists'' counts show of a customer in a shop; a row where there is either. '
'Example: SELECT * FROM tenancy.evidence AS e WHERE e.customer_id = 42';
COMMENT ON COLUMN tenancy.evidence.customer_id IS 'The customer.';
COMMENT ON COLUMN tenancy.evidence.shop_id IS 'The shop.';
COMMENT ON COLUMN tenancy.evidence.bookings IS 'The customer''s CONFIRMED bookings.';
COMMENT ON COLUMN tenancy.evidence.booked_cents IS 'List price of their primary services, in cents.';
COMMENT ON COLUMN tenancy.evidence.no_shows IS 'How many of them are marked NO_SHOW.';
COMMENT ON COLUMN tenancy.evidence.counted IS
'The sum of the shop''s counts (customer_stylist_preferences), without stylists who moved.';

COMMIT;
